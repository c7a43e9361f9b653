"""Client keys and real processes: kills, a second process of the same configuration, and an edited file of keys."""

import random
import re
import resource
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from patience import PATIENCE_S
from serving import Router, config, running, start

CONFIGURATION = config(
    {"name": "a", "type": "openai", "url": "http://127.0.0.1:9", "models": ["m"]}, api_keys={"mode": "blocking"}
)
"""Seconds; what is waited for takes one or two."""


class Keys:
    """The keys of a running router, through its admin API and as its clients see them."""

    def __init__(self, router: Router, home: Path) -> None:
        token = (home / ".local/state/continuum/admin.token").read_text().strip()
        headers = {"authorization": f"Bearer {token}"}
        self.api = httpx.Client(base_url=f"{router.url}/admin", headers=headers, trust_env=False, timeout=PATIENCE_S)
        self._client = httpx.Client(base_url=router.url, trust_env=False, timeout=PATIENCE_S)

    def __call__(self, method: str, path: str = "", body: Any = None) -> Any:
        answer = self.api.request(method, f"/keys{path}", json=body or {})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def opens(self, secret: str) -> bool:
        status = self._client.get("/v1/models", headers={"x-api-key": secret}).status_code
        assert status in {200, 401}
        return status == 200

    def close(self) -> None:
        self.api.close()
        self._client.close()


@contextmanager
def keys_of(router: Router, home: Path) -> Generator[Keys]:
    keys = Keys(router, home)
    try:
        yield keys
    finally:
        keys.close()


def until(holds: Callable[[], bool]) -> None:
    """Asks again and again."""
    ends = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends, "it does not come about"


class Owner:
    """What somebody who changes keys must find again: of each the secret and the limit, once it was acknowledged."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, int]] = {}
        self.begun: tuple[str, str] = ("", "")
        self._random = random.Random(4711)  # noqa: S311 - which change comes next

    def change(self, keys: Keys) -> None:
        """One change more. Raises httpx.TransportError where the router is gone meanwhile."""
        kind = self._random.choice(["make", "make", "patch", "rotate", "remove"]) if self.known else "make"
        ident = self._random.choice(list(self.known)) if kind != "make" else f"k{self._random.getrandbits(60)}"
        limit = self._random.randint(1, 10**6)
        self.begun = kind, ident
        if kind == "make":
            self.known[ident] = keys("POST", body={"id": ident, "rate_limit": limit})["secret"], limit
        elif kind == "patch":
            keys("PATCH", f"/{ident}", {"rate_limit": limit})
            self.known[ident] = self.known[ident][0], limit
        elif kind == "rotate":
            self.known[ident] = keys("POST", f"/{ident}/rotate")["secret"], self.known[ident][1]
        else:
            keys("DELETE", f"/{ident}")
            del self.known[ident]
        self.begun = ("", "")

    def change_for_ever(self, keys: Keys) -> None:
        """Until the router is gone."""
        while True:
            self.change(keys)

    def check(self, keys: Keys) -> None:
        """All is there as it was acknowledged; only what was under way may have been done or not."""
        kind, changing = self.begun
        found = {key["id"]: key["rate_limit"] for key in keys("GET", "?limit=1000")["keys"]}
        for ident, (secret, limit) in self.known.items():
            if ident != changing:
                assert found.pop(ident) == limit
                assert keys.opens(secret)
            elif kind != "remove":
                assert ident in found
        assert set(found) <= {changing}
        if changing in found:  # go on from what came of it
            self.known[changing] = keys("POST", f"/{changing}/rotate")["secret"], found[changing]
        else:
            self.known.pop(changing, None)
        self.begun = ("", "")


def test_what_was_acknowledged_outlives_kills(tmp_path: Path) -> None:
    owner = Owner()
    for acknowledged in (5, 20):
        with running(tmp_path, CONFIGURATION) as router, keys_of(router, tmp_path) as keys:
            owner.check(keys)
            for _ in range(acknowledged):
                owner.change(keys)
            killer = threading.Timer(acknowledged / 500, router.signal, [signal.SIGKILL])
            killer.start()
            with pytest.raises(httpx.TransportError):
                owner.change_for_ever(keys)
            killer.join()
            assert router.wait() == -signal.SIGKILL
    with running(tmp_path, CONFIGURATION) as router, keys_of(router, tmp_path) as keys:
        owner.check(keys)


def test_a_second_process_follows_refuses_and_takes_over(tmp_path: Path) -> None:
    with running(tmp_path, CONFIGURATION) as first, keys_of(first, tmp_path) as keys:
        before = keys("POST", body={"id": "before"})["secret"]
        with start(tmp_path, CONFIGURATION) as second:
            second.wait_until_listening()
            with keys_of(second, tmp_path) as others:
                assert others.opens(before)
                for method, path in (("POST", ""), ("PATCH", "/before"), ("DELETE", "/before")):
                    answer = others.api.request(method, f"/keys{path}", json={"name": "x"})
                    assert (answer.status_code, answer.json()["error_code"]) == (409, "CONFIG_LOCKED")
                    assert answer.json()["details"] == {"pid": first.pid}
                later = keys("POST", body={"id": "later"})["secret"]
                until(lambda: others.opens(later))
                keys("PATCH", "/before", {"enabled": False})
                until(lambda: not others.opens(before))
                keys("DELETE", "/later")
                until(lambda: not others.opens(later))
                last = keys("POST", body={"id": "last"})["secret"]
                first.signal(signal.SIGKILL)
                first.wait()
                until(lambda: others.api.post("/keys", json={"id": "mine"}).status_code == 200)
                assert others.opens(last)
                assert [key["id"] for key in others("GET")["keys"]] == ["before", "last", "mine"]


@contextmanager
def no_more_room(router: Router, file: Path) -> Generator[None]:
    """For as long as the block lasts no file of the process grows beyond what this one has."""
    before = resource.prlimit(router.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(router.pid, resource.RLIMIT_FSIZE, (file.stat().st_size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(router.pid, resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_all_is_as_it_was(tmp_path: Path) -> None:
    with running(tmp_path, CONFIGURATION) as router, keys_of(router, tmp_path) as keys:
        secret = keys("POST", body={"id": "one", "rate_limit": 60})["secret"]
        (log,) = tmp_path.rglob("keys.db-wal")
        with no_more_room(router, log):
            for method, path, body in (
                ("POST", "", {"id": "two"}),
                ("PATCH", "/one", {"rate_limit": 5}),
                ("POST", "/one/rotate", {}),
                ("DELETE", "/one", {}),
            ):
                answer = keys.api.request(method, f"/keys{path}", json=body)
                assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
            (only,) = keys("GET")["keys"]
            assert (only["id"], only["rate_limit"], keys.opens(secret)) == ("one", 60, True)
        assert keys("PATCH", "/one", {"rate_limit": 5})["key"]["rate_limit"] == 5
        assert "Traceback" not in router.stderr
    with running(tmp_path, CONFIGURATION) as router, keys_of(router, tmp_path) as keys:
        assert [(key["id"], key["rate_limit"]) for key in keys("GET")["keys"]] == [("one", 5)]
        assert keys.opens(secret)


FILE_KEY, OTHER_KEY = "sk-filed-key-one-0001", "sk-filed-key-two-0002"


def test_an_edited_file_of_keys_takes_effect(tmp_path: Path) -> None:
    file = tmp_path / "client-keys.yaml"

    def write(text: str, mode: int = 0o600) -> None:
        """As an editor does."""
        beside = tmp_path / "beside.tmp"
        beside.write_text(text)
        beside.chmod(mode)
        beside.replace(file)

    one, two = f"- {{key: {FILE_KEY}, id: one}}\n", f"- {{key: {OTHER_KEY}, id: two}}\n"
    write(one)
    section = {"mode": "blocking", "api_keys_file": str(file)}
    with running(tmp_path, {**CONFIGURATION, "api_keys": section}) as router, keys_of(router, tmp_path) as keys:
        assert (keys.opens(FILE_KEY), keys.opens(OTHER_KEY)) == (True, False)
        write(one + two)
        until(lambda: keys.opens(OTHER_KEY))
        router.wait_for_line("the file of client keys has changed: 2 configured")
        made = keys("POST", body={"id": "made"})["secret"]
        for text, mode, told in (
            ("", 0o600, "client-keys.yaml: is empty"),
            (one + "- {key: ", 0o600, "client-keys.yaml:2: .*not valid YAML|client-keys.yaml:[23]:"),
            (one + "- {id: two}\n", 0o600, "api_keys.1.key: is required"),
            (one, 0o644, "must be for its owner only: chmod 600"),
            (one + f"- {{key: {OTHER_KEY}, id: made}}\n", 0o600, "api_keys.1.id: must be unique; a key made over"),
        ):
            write(text, mode)
            router.wait_for_line(f"the client keys in force stay as they are: .*({told})")
            assert keys.opens(FILE_KEY)
            assert keys.opens(OTHER_KEY)
            assert keys.opens(made)
        file.unlink()
        router.wait_for_line("stay as they are: .*no such file")
        assert keys.opens(OTHER_KEY)
        write(two)
        until(lambda: not keys.opens(FILE_KEY))
        assert keys.opens(OTHER_KEY)
        assert FILE_KEY not in router.stderr
        assert OTHER_KEY not in router.stderr
        assert re.search("Traceback", router.stderr) is None
        assert keys.api.get("/config/history").json()["current_version"] == 1


def test_unwatched_the_file_of_keys_is_read_on_sighup(tmp_path: Path) -> None:
    file = tmp_path / "client-keys.yaml"
    file.write_text(f"- {{key: {FILE_KEY}, id: one}}\n")
    file.chmod(0o600)
    section = {"mode": "blocking", "api_keys_file": str(file)}
    configuration = {**CONFIGURATION, "api_keys": section, "hot_reload": {"enabled": False}}
    with running(tmp_path, configuration) as router, keys_of(router, tmp_path) as keys:
        file.write_text(f"- {{key: {OTHER_KEY}, id: two}}\n")
        router.signal(signal.SIGHUP)
        until(lambda: keys.opens(OTHER_KEY))
        assert not keys.opens(FILE_KEY)
