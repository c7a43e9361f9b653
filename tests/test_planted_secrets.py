"""Planted secrets appear in no answer, log line, version, metric, error, repr or crash output, whatever is asked."""

import json
import os
import signal
import subprocess
import traceback
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml
from command import continuum, invoke
from patience import PATIENCE_S
from planted import Planted
from planted_drive import Drive
from serving import Router, open_router
from stdio_agent import Agent

from continuum.config import load
from continuum.errors import ConfigError, ContinuumError
from continuum.testing.upstream import Answer as Script
from continuum.testing.upstream import Plain, Request, Stream, open_upstream

VARIABLE = "PLANTED_BACKEND_KEY"
USER = "planted-admin"


def confession(call: Request) -> dict[str, Any]:
    """An error that tells all it was sent, in every field."""
    bare = " ".join(value.rpartition(" ")[2] for _, value in call.headers)
    told = f"rejected {bare} of {dict(call.headers)}"
    return {"error": {"message": told, "type": told, "param": told, "code": told}}


def script(call: Request) -> Script:
    event = f"data: {json.dumps(confession(call))}\n\n".encode()
    match call.json.get("user"):
        case "early":
            return Stream((), tail=(event,))
        case "late":
            return Stream(("one",), tail=(event,))
        case status:
            return Plain(confession(call), int(status or 401))


def configuration(planted: Planted, url: str, home: Path) -> dict[str, Any]:
    """A secret in every key that holds one."""
    keys_file = home / "keys.yaml"
    keys_file.write_text(yaml.safe_dump([{"key": planted.plant("client key of the file", "sk-"), "id": "in-file"}]))
    keys_file.chmod(0o600)
    planted.plant("environment key")

    def entry(name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "type": "openai", "url": url, "models": ["m", f"only-{name}"], **more}

    return {
        "server": {"bind_address": "127.0.0.1:0"},
        "storage": {"dir": str(home / "state")},
        "hot_reload": {"enabled": False},
        "health_checks": {"enabled": False},
        "logging": {"level": "trace"},
        "retry": {"base_delay": "1ms"},
        "circuit_breaker": {"enabled": False},
        "backends": [
            entry("inline", api_key=planted.plant("backend key", "sk-")),
            entry("several", api_keys=[planted.plant("first key"), planted.plant("second key")]),
            entry("referring", api_key=f"${{{VARIABLE}}}"),
            entry("headed", headers={"X-Team": planted.plant("backend header")}),
            entry("behind", proxy=f"http://u:{planted.plant('proxy password', odd='.')}@127.0.0.1:9"),
        ],
        "api_keys": {
            "api_keys": [{"key": planted.plant("client key", "sk-"), "id": "inline"}],
            "api_keys_file": str(keys_file),
        },
        "admin": {
            "auth": {
                "token": planted.plant("admin token"),
                "username": USER,
                "password": planted.plant("admin password"),
                "api_key": planted.plant("admin api key"),
            }
        },
        "metrics": {
            "auth": {"method": "bearer_token", "token": planted.plant("metrics token")},
            "otlp": {"endpoint": "http://127.0.0.1:9", "headers": {"authorization": planted.plant("metrics header")}},
        },
        "tracing": {"otlp": {"endpoint": "http://127.0.0.1:9", "headers": {"x-key": planted.plant("tracing header")}}},
        "acp": {
            "mcp_servers": [
                {"name": "local", "command": "false", "env": {"MCP_TOKEN": planted.plant("MCP variable")}},
                {
                    "name": "far",
                    "type": "http",
                    "url": "http://127.0.0.1:9/mcp",
                    "headers": {"x-mcp": planted.plant("MCP header")},
                },
            ]
        },
    }


async def test_http_mode_tells_nobody(tmp_path: Path) -> None:
    planted = Planted()
    async with open_upstream(script) as upstream:
        settings = configuration(planted, upstream.url, tmp_path)
        variables = {VARIABLE: planted.secrets["environment key"], "PYTHONFAULTHANDLER": "1"}
        async with open_router(tmp_path, settings, **variables) as router:
            drive = Drive(router, planted)
            for form in ("text", "json"):
                drive.ask("PATCH", "/admin/config/logging", {"config": {"format": form}})
                await trio.to_thread.run_sync(drive.everything)
            await broken_files(router, planted, tmp_path)
            await trio.to_thread.run_sync(internal_error, drive, tmp_path / "state")
            router.signal(signal.SIGABRT)
            assert await router.exited() == -signal.SIGABRT
    planted.hear("the router's stderr", router.stderr)
    planted.hear("the router's stdout", router.stdout)
    assert "Fatal Python error: Aborted" in router.stderr
    assert len(upstream.calls) > 20, "it has confessed"
    assert not planted.leaks()


async def broken_files(router: Router, planted: Planted, home: Path) -> None:
    """The file is rewritten and read again, with a fault beside a secret."""
    file = home / "continuum-under-test.yaml"
    good, value = file.read_text(), planted.plant("key in a broken file")
    for number, text in enumerate(FAULTY_FILES, 1):
        file.write_text(text.replace("SECRET", value))
        router.signal(signal.SIGHUP)
        with trio.fail_after(2 * PATIENCE_S):
            while router.stderr.count("stays as it is") < number:  # noqa: ASYNC110 - no event tells of a line
                await trio.sleep(0.01)
    file.write_text(good)


FAULTY_FILES = (
    "backends:\n- name: a\n  api_key: SECRET\n  url: [",
    "backends: [{name: a, url: 'http://h', api_kye: SECRET}]",
    "backends: [{name: a, url: 'http://u:SECRET@h'}]",
    "backends: [{name: a, url: 'http://h', api_key: [SECRET]}]",
    "admin: {auth: {token: {a: SECRET}}}",
    "storage: {url: 'http://:SECRET@h'}",
)


def internal_error(drive: Drive, state: Path) -> None:
    """A write that can be put on record nowhere."""
    drive.hear_file(state / "audit.jsonl")
    for file in (state / "audit.jsonl", *state.rglob("versions.log")):
        file.rename(file.with_suffix(".kept"))
        file.mkdir()
    answer = drive.ask("PUT", "/admin/backends/inline", {"api_key": drive.planted.plant("key that fails", "sk-")})
    assert (answer.status, answer.json["error_code"]) == (500, "INTERNAL_ERROR")
    assert drive.ask("POST", "/admin/config/export", {"format": "json", "include_sensitive": "yes"}).status == 400
    assert drive.ask("PUT", "/admin/config/prompts/a.md", {"content": "hello"}).status == 200


COMMANDS = (
    ("config", "show"),
    ("config", "check"),
    ("config", "check", "--json"),
    ("doctor",),
    ("doctor", "--json"),
    ("backends", "list"),
    ("backends", "list", "--json"),
    ("backends", "probe"),
    ("models",),
    ("admin", "get"),
    ("admin", "--json", "get", "backends"),
    ("admin", "history"),
    ("admin", "--json", "history"),
    ("admin", "diff", "FILE"),
    ("admin", "export"),
    ("admin", "export", "--format", "json", "--no-defaults"),
    ("admin", "set", "admin.auth.token.deep", "1"),
    ("admin", "patch", "backends", "{}"),
    ("admin", "rollback", "1", "--dry-run"),
    ("admin", "rollback", "1"),
)


async def test_commands_tell_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = Planted()
    async with open_upstream(script) as upstream:
        settings = configuration(planted, upstream.url, tmp_path)
        monkeypatch.setenv(VARIABLE, planted.secrets["environment key"])
        async with open_router(tmp_path, settings, **{VARIABLE: planted.secrets["environment key"]}) as router:
            monkeypatch.setenv("CONTINUUM_ADMIN_URL", router.url)
            file = str(tmp_path / "continuum-under-test.yaml")
            drive = Drive(router, planted)
            drive.ask("PUT", "/admin/backends/inline", {"api_key": planted.plant("backend key, changed", "sk-")})
            for command in COMMANDS:
                planted.hear(
                    " ".join(command), await told_by(file, *(file if word == "FILE" else word for word in command))
                )
            for name in ("inline", "headed"):
                variables = {VARIABLE: planted.secrets["environment key"]}
                run = await continuum(
                    tmp_path, "--config", file, "run", "--model", f"only-{name}", "hello", environ=variables
                )
                planted.hear(f"run through {name}", run.stdout + run.stderr)
            settings["storage"]["url"] = f"redis://:{planted.plant('storage password', odd='.')}@127.0.0.1:9"
            shared = tmp_path / "shared.yaml"
            shared.write_text(yaml.safe_dump(settings))
            for command in (("config", "show"), ("config", "check"), ("doctor", "--json")):
                planted.hear(f"{command} with storage.url", await told_by(str(shared), *command))
            value = planted.plant("key in a broken file")
            for number, text in enumerate(FAULTY_FILES):
                broken = tmp_path / f"broken-{number}.yaml"
                broken.write_text(text.replace("SECRET", value))
                for command in (
                    ("config", "check"),
                    ("config", "check", "--json"),
                    ("doctor",),
                    ("models",),
                    ("admin", "get"),
                ):
                    planted.hear(f"{command} of {text}", await told_by(str(broken), *command))
    planted.hear("the router's stderr", router.stderr)
    assert not planted.leaks()


async def told_by(file: str, *command: str) -> str:
    """What a command says, and what it ends with."""
    try:
        done = await invoke("--config", file, *command)
    except ContinuumError as fault:  # main() tells its message
        return "".join(traceback.format_exception(fault)) + repr(fault)
    return done.output + done.stderr + repr(done.exception)


async def test_stdio_mode_tells_nobody(tmp_path: Path, continuum_command: str) -> None:
    planted = Planted()
    async with open_upstream(script) as upstream:
        settings = configuration(planted, upstream.url, tmp_path)
        settings["acp"]["default_model"] = "only-inline"
        file = tmp_path / "continuum.yaml"
        file.write_text(yaml.safe_dump(settings))
        environ = {**os.environ, VARIABLE: planted.secrets["environment key"], "HOME": str(tmp_path)}
        with (tmp_path / "stderr").open("w+b") as stderr, trio.fail_after(2 * PATIENCE_S):
            process = await trio.lowlevel.open_process(
                [continuum_command, "--mode", "stdio", "--config", str(file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environ,
            )
            agent = Agent(process)
            session = await agent.new_session(cwd=str(tmp_path))
            for number in range(3):
                content = [{"type": "text", "text": f"hello {number}"}]
                planted.hear(
                    "an answer",
                    json.dumps(await agent.call(number, "session/prompt", sessionId=session, prompt=content)),
                )
            planted.hear("updates", json.dumps(agent.seen))
            await agent.end_input()
            planted.hear("the rest", await agent.rest())
            assert await process.wait() == 0
        planted.hear("stderr", (tmp_path / "stderr").read_bytes())
    assert upstream.calls, "it has confessed"
    assert not planted.leaks()


def test_objects_tell_nobody(tmp_path: Path) -> None:
    planted = Planted()
    file = tmp_path / "continuum.yaml"
    file.write_text(yaml.safe_dump(configuration(planted, "http://127.0.0.1:9", tmp_path)))
    config = load(file, environ={VARIABLE: planted.secrets["environment key"]})
    for whose, text in {
        "repr": repr(config),
        "str": str(config),
        "dump": repr(config.model_dump()),
        "JSON": config.model_dump_json(),
        "format": f"{config.admin.auth.token} {config.backends[0].api_key!a} {[config.metrics.auth.token]}",
        "repr of parts": "".join(map(repr, (*config.backends, config.api_keys, config.admin))),
    }.items():
        planted.hear(whose, text)
    value = planted.plant("key in a broken file")
    for text in FAULTY_FILES:
        file.write_text(text.replace("SECRET", value))
        with pytest.raises(ConfigError) as caught:
            load(file, environ={})
        planted.hear(text, "".join(traceback.format_exception(caught.value)) + repr(caught.value))
    assert not planted.leaks()
