"""The doctor as a user meets it: the real process against servers with every fault a person can mend."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import trio
from command import continuum, invoke
from serving import BACKEND_KEY
from shaped import read

from continuum.backends.checkup import Kind, Trouble
from continuum.backends.transport import Cause
from continuum.cli.mends import MENDS, Named, advice
from continuum.cli.shapes import Report
from continuum.testing.upstream import Answer, Close, Hang, Plain, Raw, Send, open_upstream

LIST = "/v1/models"
PROXY_PASSWORD = "planted-proxy-password"
SECRETS = (BACKEND_KEY, PROXY_PASSWORD, "another-planted-key")
NOWHERE = "http://127.0.0.1:9"
PATIENT = "10"  # seconds for the silent one alone: a busy machine answers for the others by then

# What a server does, how it is configured, and what the doctor calls it; no page: nobody listens.
PAGES: dict[str, tuple[Answer | None, dict[str, Any], str]] = {
    "denied": (Plain({"error": {"message": BACKEND_KEY}}, 401), {"api_key": BACKEND_KEY}, Kind.KEY_REFUSED),
    "denied-configured": (Plain({}, 403), {"api_key": BACKEND_KEY, "models": ["m"]}, Kind.KEY_REFUSED),
    "keyless": (Plain({}, 401), {}, Kind.KEY_MISSING),
    "throttled": (Plain({}, 429), {}, Kind.THROTTLED),
    "path": (Plain({}, 404), {}, Kind.WRONG_PATH),
    "moved": (Plain({}, 301), {}, Kind.REDIRECTED),
    "picky": (Plain({}, 400), {}, Kind.REJECTED),
    "broken": (Plain({}, 500), {"models": ["m"]}, Kind.SERVER_ERROR),
    "page": (Plain(b"<html>"), {}, Kind.NO_LIST),
    "empty": (Plain({"object": "list", "data": []}), {}, Kind.NO_MODELS),
    "silent": (Raw((Hang(),)), {}, Kind.TIMEOUT),
    "babble": (Raw((Send(b"SSH-2.0-OpenSSH_9.6\r\n"), Close())), {}, Kind.NOT_HTTP),
    "no-health": (None, {"health_check": {"path": "/no/such"}}, Kind.PROBE_FAILS),
}
PLACES: dict[str, tuple[dict[str, Any], str]] = {
    "refused": ({"url": NOWHERE}, Cause.REFUSED),
    "proxied": ({"url": "http://h", "proxy": f"http://u:{PROXY_PASSWORD}@127.0.0.1:9"}, Cause.REFUSED),
    "socket": ({"url": "http+unix:///no/such.sock"}, Cause.NO_SOCKET),
    "program": (
        {"url": "http://127.0.0.1:{port}", "managed": {"command": ["no-such-program", "{port}"]}},
        Kind.NO_PROGRAM,
    ),
}


async def sick(stack: AsyncExitStack) -> dict[str, Any]:
    """A configuration with one backend for every fault, and some without."""

    async def served(page: Answer | None = None) -> str:
        upstream = await stack.enter_async_context(open_upstream())
        if page is not None:
            upstream.pages[LIST] = page
        return upstream.url

    backends = [
        {"name": name, "type": "openai", "url": await served(page), **more} for name, (page, more, _) in PAGES.items()
    ]
    backends += [{"name": name, **more} for name, (more, _) in PLACES.items()]
    good = await served()
    backends += [
        {"name": "good", "url": good, "models": ["test-model", "unlisted"], "api_keys": ["another-planted-key"]},
        {"name": "off", "url": NOWHERE, "enabled": False},
        {"name": "loading", "url": await served(Plain({}, 503))},
    ]
    return {"backends": backends, "logging": {"file": "never-written.log"}}


async def test_every_fault_is_told_with_its_mend(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        (tmp_path / "continuum.json").write_text(json.dumps(await sick(stack)))
        done: dict[str, CompletedProcess[bytes]] = {}

        async def examine(whom: str, *how: str) -> None:
            done[whom] = await continuum(tmp_path, "doctor", "-c", "continuum.json", "--timeout", PATIENT, *how)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(examine, "programs", "--json")
            nursery.start_soon(examine, "people")
    for_programs, for_people = done["programs"], done["people"]
    assert (for_programs.returncode, for_people.returncode) == (1, 1)
    report = read(for_programs.stdout, Report)
    found = {each["name"]: [problem["kind"] for problem in each["problems"]] for each in report["backends"]}
    expected = {name: [str(kind)] for name, (_, _, kind) in PAGES.items()}
    expected |= {name: [str(kind)] for name, (_, kind) in PLACES.items()}
    assert found == {**expected, "good": [], "off": [], "loading": []}
    states = {each["name"]: each["state"] for each in report["backends"]}
    assert (states["good"], states["off"], states["loading"]) == ("ok", "disabled", "warming_up")
    assert [note["what"] for note in report["notes"]] == ["it does not list the model 'unlisted'"]
    assert report["verdict"] == "wrong"
    assert report["configuration"]["file"] == "continuum.json"
    text = for_people.stdout.decode()
    for problem in report["problems"]:
        assert problem["mend"]
        assert problem["what"] in text
        assert f"-> {problem['mend']}" in text
    assert "its proxy" in text
    assert text.endswith(f"\n{len(report['problems'])} things are wrong\n")
    assert for_people.stderr.startswith(b"continuum: asking "), "it took over a second"
    for output in (for_programs, for_people):
        assert not any(secret in (output.stdout + output.stderr).decode() for secret in SECRETS)
    assert not (tmp_path / "never-written.log").exists()


async def test_nothing_is_wrong(home: Path) -> None:
    async with open_upstream(face="llamacpp") as upstream:
        (home / "continuum.yaml").write_text(f"backends: [{{name: a, url: '{upstream.url}'}}]")
        done = await invoke("doctor", "--json")
    report = read(done.stdout, Report)
    assert (done.exit_code, report["verdict"], report["problems"]) == (0, "fine", [])
    (backend,) = report["backends"]
    assert (backend["type"], backend["provider"], backend["models"]) == ("generic", "llamacpp", ["test-model"])
    assert report["storage"] == {"dir": f"{home}/.local/state/continuum", "writable": True}
    assert [(each["name"], each["url"]) for each in report["loopback"]][:2] == [
        ("vLLM", "http://127.0.0.1:8000"),
        ("Ollama", "http://127.0.0.1:11434"),
    ]


async def test_a_configuration_that_cannot_be_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is around it is told all the same."""
    (home / "continuum.yaml").write_text("server:\n  bind_adress: x\nbackends: [{name: a, api_key: '${GONE}'}]\n")
    monkeypatch.setenv("OPENAI_API_KEY", BACKEND_KEY)
    monkeypatch.setenv("CONTINUUM_LOGGING__LEVEL", "error")
    done = await invoke("doctor", "--json")
    report = read(done.stdout, Report)
    assert (done.exit_code, report["verdict"]) == (2, "bad_configuration")
    assert report["configuration"]["file"] == "continuum.yaml"
    first, *_ = report["configuration"]["problems"]
    assert first == {
        "file": "continuum.yaml",
        "line": 2,
        "key": "server.bind_adress",
        "rule": "unknown key; did you mean 'bind_address'?",
    }
    said = {each["name"]: each["what"] for each in report["environment"]}
    assert said["OPENAI_API_KEY"] == "set, and not used: continuum.yaml does not refer to it"
    assert said["CONTINUUM_LOGGING__LEVEL"] == "sets logging.level"
    assert said["ANTHROPIC_API_KEY"] == "not set"
    people = await invoke("doctor")
    assert people.exit_code == 2
    assert "continuum.yaml:3: backends.0.api_key: environment variable GONE is not set" in people.stdout
    assert BACKEND_KEY not in (done.stdout + people.stdout)


async def test_a_certificate_that_cannot_be_read_is_a_bad_configuration(home: Path) -> None:
    backend = "{name: a, url: 'https://h', tls: {ca_file: none.pem}}"
    (home / "continuum.yaml").write_text(f"backends: [{backend}]")
    done = await invoke("doctor", "--json")
    assert done.exit_code == 2
    (problem,) = read(done.stdout, Report)["configuration"]["problems"]
    assert problem["key"] == "backends.0.tls"


@pytest.mark.usefixtures("home")
async def test_without_a_file_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_upstream() as upstream:
        upstream.pages[LIST] = Plain({}, 401)
        monkeypatch.setenv("OPENAI_API_KEY", BACKEND_KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{upstream.url}/v1")
        done = await invoke("doctor")
    text = done.stdout
    assert done.exit_code == 1
    assert "none: what this machine has is used" in text
    assert "continuum.toml" in text, "it says where a file was sought"
    assert "-> correct OPENAI_API_KEY\n" in text
    assert BACKEND_KEY not in text


async def test_no_backend_at_all(home: Path) -> None:
    (home / "continuum.yaml").write_text("backends: []\nstorage: {dir: continuum.yaml/in-a-file}")
    done = await invoke("doctor", "--json")
    report = read(done.stdout, Report)
    assert done.exit_code == 1
    assert [each["where"] for each in report["problems"]] == ["backends", "continuum.yaml/in-a-file"]


def test_every_kind_of_trouble_has_its_words() -> None:
    assert set(MENDS) == {*Kind, *Cause}


@pytest.mark.parametrize("kind", [*Kind, *Cause])
def test_the_words_are_whole(kind: str) -> None:
    what, mend = advice(Trouble(kind, "SAID", "SUBJECT"), Named("URL", "KEY"))
    assert what
    assert mend
    assert "{" not in what + mend
