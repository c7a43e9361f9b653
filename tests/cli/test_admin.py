"""`continuum admin`: the real command against the real application, the token found by itself."""

import json
import os
import pty
import re
import subprocess
import threading
from collections.abc import Generator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from in_process import Served, served

from continuum.cli.app import run

KEY = "sk-planted-backend-key-4711"


@pytest.fixture
def router(tmp_path: Path) -> Generator[Served]:
    backends = [{"name": "alpha", "url": "http://127.0.0.1:9", "models": ["m"], "api_key": KEY}]
    with served(tmp_path, {"health_checks": {"enabled": False}, "backends": backends}) as running:
        yield running


class Said(NamedTuple):
    """What a command printed."""

    stdout: str
    stderr: str


class Shell:
    """The command line, in this process: what it prints on both pipes."""

    def __init__(self, router: Served, capsys: pytest.CaptureFixture[str]) -> None:
        self.router = router
        self._capsys = capsys

    def __call__(self, *arguments: str, status: int = 0, url: str = "") -> str:
        said = self.pipes(*arguments, status=status, url=url)
        return said.stdout + said.stderr

    def pipes(self, *arguments: str, status: int = 0, url: str = "") -> Said:
        line = ["--config", str(self.router.file), "admin", "--url", url or self.router.url, *arguments]
        with pytest.raises(SystemExit) as ended:
            run(line)
        said = self._capsys.readouterr()
        assert (ended.value.code or 0) == status, said.out + said.err
        assert KEY not in said.out + said.err
        return Said(said.out, said.err)


@pytest.fixture
def shell(router: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.delenv("CONTINUUM_ADMIN_TOKEN", raising=False)
    return Shell(router, capsys)


def test_a_working_day(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "level: info" in shell("get", "logging")
    assert "sk-***4711" in shell("get")
    assert "version 2: logging.level set" in shell("set", "logging.level", "debug")
    assert "version 3: retry patched" in shell("patch", "retry", '{"max_attempts": 5}')
    restart = shell("set", "server.bind_address", "127.0.0.1:9999")
    assert "warning: bind_address: Changing bind_address requires server restart" in restart
    assert "logging" in shell("history")
    told = shell("rollback", "1", "--dry-run")
    assert 'logging.level: "debug" -> "info"' in told
    assert "Rolled back to version 1 (version 5)" in shell("rollback", "1")
    assert shell("diff", str(shell.router.file)) == ""
    file = tmp_path / "other.yaml"
    file.write_text(shell.router.file.read_text() + "logging: {level: warn}\n")
    assert "+  level: warn" in shell("diff", str(file), status=1)
    exported = tmp_path / "export.json"
    exported.write_text(shell("export", "--format", "json"))
    assert "(version 5)" in shell("import", str(exported))
    monkeypatch.setenv("K", KEY)
    assert "added successfully" in shell("backend", "add", "beta", "http://127.0.0.1:8", "--key-from", "K")
    assert "weight updated to 7" in shell("backend", "weight", "beta", "7")
    assert "removed successfully" in shell("backend", "rm", "beta", "--force")
    answer: Any = json.loads(shell("--json", "history"))
    assert answer["current_version"] == 8


SECRET = re.compile(r"sk-[A-Za-z0-9]{43}\n")


def test_keys_from_their_making_to_their_end(shell: Shell) -> None:
    assert "make one: continuum admin keys add" in shell("keys", "list")
    made = shell.pipes(
        "keys",
        "add",
        "ann",
        "--name",
        "Ann",
        "--user",
        "u1",
        "--organization",
        "lab",
        "--scope",
        "read",
        "--scope",
        "write",
        "--model",
        "gpt-*",
        "--model",
        "m",
        "--rate-limit",
        "60",
        "--tokens-per-minute",
        "9000",
        "--expires",
        "2999-01-01",
    )
    assert SECRET.fullmatch(made.stdout), "so that KEY=$(continuum admin keys add …) holds it"
    assert made.stderr == "Key 'ann' created: its secret is shown this once; keep it now\n"
    listed = shell("keys", "list")
    assert made.stdout.strip() not in listed
    heads, row = listed.splitlines()
    assert re.split(r"  +", heads) == ["ID", "SOURCE", "KEY", "STATE", "MODELS", "LIMITS", "LAST USED"]
    assert re.split(r"  +", row) == [
        "ann",
        "storage",
        f"sk-***{made.stdout.strip()[-4:]}",
        "until 2999-01-01T00:00:00Z",
        "gpt-*, m",
        "60 requests/min, 9000 tokens/min",
        "-",
    ]
    turned = shell.pipes("keys", "rotate", "ann", "--grace", "1h")
    assert SECRET.fullmatch(turned.stdout)
    assert turned.stdout != made.stdout
    assert "its new secret is shown this once; keep it now" in turned.stderr
    assert re.search(r"the key until now is accepted until \d{4}-", turned.stderr)
    assert "accepted until" not in shell.pipes("keys", "rotate", "ann").stderr
    assert shell("keys", "disable", "ann") == "Key 'ann' disabled\n"
    assert "  disabled  " in shell("keys", "list")
    assert shell("keys", "enable", "ann") == "Key 'ann' enabled\n"
    answer: Any = json.loads(shell("--json", "keys", "add", "--expires", "2020-01-01"))
    assert set(answer) == {"success", "message", "key", "secret"}
    assert "  expired  " in shell("keys", "list")
    listing: Any = json.loads(shell("--json", "keys", "list"))
    assert (listing["total"], [key["id"] for key in listing["keys"]]) == (2, ["ann", answer["key"]["id"]])
    assert set(listing["keys"][0]["scopes"]) == {"read", "write"}
    assert shell("keys", "rm", "ann") == "Key 'ann' removed successfully\n"
    assert "KEY_NOT_FOUND: Key 'ann' not found" in shell("keys", "rm", "ann", status=1)
    assert "rate_limit: must be greater than 0" in shell("keys", "add", "--rate-limit", "0", status=1)


def test_more_keys_than_a_page_holds(shell: Shell) -> None:
    keys = [{"key": f"sk-configured-{number:05}", "id": f"c{number}"} for number in range(1001)]
    shell("patch", "api_keys", json.dumps({"api_keys": keys}))
    listing: Any = json.loads(shell("--json", "keys", "list"))
    assert (listing["total"], listing["keys"][-1]["id"]) == (1001, "c1000")


REFUSED: dict[str, tuple[list[str], int, str]] = {
    "a fault": (["set", "retry.max_attempts", "0"], 1, "max_attempts: must be greater than 0"),
    "no such section": (["get", "nope"], 1, "SECTION_NOT_FOUND"),
    "no such version": (["rollback", "99"], 1, "VERSION_NOT_FOUND"),
    "no key": (["set", "logging", "x"], 2, "SECTION.KEY"),
    "no JSON": (["patch", "logging", "{"], 2, "not JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_told(shell: Shell, name: str) -> None:
    arguments, status, told = REFUSED[name]
    assert told in shell(*arguments, status=status)


def test_a_key_is_named_once_in_what_is_told(shell: Shell, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("server: {workers: 0}\nacp: {}\n")
    assert "  workers: must be greater than 0\n" in shell("set", "server.workers", "0", status=1)
    assert "  server.workers: must be greater than 0\n" in shell("import", str(bad), status=1)
    assert "  server.workers: must be greater than 0\n" in shell("import", str(bad), "--dry-run", status=1)
    bad.write_text("acp: {}\n")
    assert "warning: acp: is skipped" in shell("import", str(bad))
    assert "bind_address: Changing" in shell("set", "server.bind_address", "127.0.0.1:9999")


def test_a_files_suffix_tells_its_form_in_capitals_too(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "EDITED.TOML"
    file.write_text('[logging]\nlevel = "debug"\n')
    assert "logging" in shell("import", str(file))
    assert "level: debug" in shell("get", "logging")


def test_programs_get_refusals_as_json_too(shell: Shell, tmp_path: Path) -> None:
    said = shell.pipes("--json", "set", "server.workers", "0", status=1)
    refusal: Any = json.loads(said.stdout)
    assert (refusal["error_code"], said.stderr) == ("VALIDATION_ERROR", "")
    bad = tmp_path / "bad.yaml"
    bad.write_text("server: {workers: 0}\n")
    judged: Any = json.loads(shell.pipes("--json", "import", str(bad), "--dry-run", status=1).stdout)
    assert judged["validation"]["errors"][0]["field"] == "server.workers"


def test_a_wrong_token_and_nobody_there(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no router answers" in shell("get", status=1, url="http://127.0.0.1:9")
    monkeypatch.setenv("CONTINUUM_ADMIN_TOKEN", "wrong")
    assert "UNAUTHORIZED" in shell("get", status=1)


@pytest.mark.parametrize("body", [b"[1]", b'"no"', b"<html>"])
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_another_program_that_listens_there(shell: Shell, body: bytes, flags: list[str]) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.handle_request)
        thread.start()
        said = shell(*flags, "get", status=1, url=f"http://127.0.0.1:{other.server_port}")
        thread.join()
    assert "is no admin API (status 404)" in said


def test_the_real_command(router: Served, continuum_command: str) -> None:
    line = [continuum_command, "--config", str(router.file), "admin", "--url", router.url, "get", "logging"]
    kept = {"PATH": os.environ["PATH"], "HOME": str(router.file.parent)}
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, env=kept, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "level: info" in done.stdout


@pytest.mark.parametrize(("colour", "paints"), [({}, 2), ({"NO_COLOR": "1"}, 0)])
def test_a_difference_is_coloured_for_people(
    router: Served, continuum_command: str, tmp_path: Path, colour: dict[str, str], paints: int
) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(router.file.read_text() + "logging: {level: warn}\n")
    line = [continuum_command, "--config", str(router.file), "admin", "--url", router.url, "diff", str(file)]
    terminal, theirs = pty.openpty()
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm", **colour}
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        done = subprocess.run(line, stdout=theirs, env=environ, check=False, timeout=50)
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # the end of a terminal is an error
            while piece := screen.read(65536):
                shown += piece
    assert done.returncode == 1
    assert sum(line in shown for line in (b"\x1b[32m+  level: warn", b"\x1b[31m-  level: info")) == paints
    assert b"+  level: warn" in shown
