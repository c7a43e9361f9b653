"""`continuum --mode stdio` as a user starts it: the example client, pipelines, and a configuration with faults."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
from acp_schema import hold_lines
from patience import PATIENCE_S

from continuum.testing.upstream import open_upstream

INITIALIZE = b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":1}}\n'
SESSION = b'{"jsonrpc":"2.0","id":1,"method":"session/new","params":{"cwd":"/"}}\n'


QUIET = "health_checks: {enabled: false}\n"  # what is printed is looked at, and nothing else is to be printed


def write_config(folder: Path, url: str) -> Path:
    path = folder / "continuum.yaml"
    path.write_text(f"backends: [{{name: b, type: generic, url: '{url}/v1', models: [test-model]}}]\n{QUIET}", "utf-8")
    return path


def answers(output: bytes) -> list[dict[str, Any]]:
    """Without what the agent says by itself."""
    hold_lines(output.splitlines(), (INITIALIZE + SESSION).splitlines())
    return [message for line in output.splitlines() if "id" in (message := json.loads(line))]


async def test_the_example_streams_one_prompt(checkout: Path, tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        config = write_config(tmp_path, upstream.url)
        example = [sys.executable, str(checkout / "examples/acp_client.py"), "hello", "--config", str(config)]
        done = await trio.run_process(example, capture_stdout=True, check=False, cwd=tmp_path)
    assert done.stdout == b"Every word of this answer is made up.\n[end_turn]\n"
    assert done.returncode == 0


def _run(command: str, *options: str, data: bytes = INITIALIZE + SESSION) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([command, *options], input=data, capture_output=True, timeout=PATIENCE_S, check=False)


LESS = "acp: {capabilities: {load_session: false, mcp: false}}\n"


@pytest.mark.parametrize("way", ["file", "pipe", "option", "variable"])
def test_the_greeting_does_not_promise_what_the_configuration_forbids(
    continuum_command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:9")
    options, reading = ["--config", str(config)], -1
    match way:
        case "file":
            config.write_text(config.read_text("utf-8") + LESS, "utf-8")
        case "pipe":
            text = config.read_bytes() + LESS.encode()
            reading, writing = os.pipe()
            os.write(writing, text)
            os.close(writing)
            options = ["--config", f"/dev/fd/{reading}"]
            os.set_inheritable(reading, True)  # noqa: FBT003 - no keyword there
        case "option":
            options += ["--set", "acp.capabilities.load_session=false", "--set", "acp.capabilities.mcp=false"]
        case _:
            for name in ("LOAD_SESSION", "MCP"):
                monkeypatch.setenv(f"CONTINUUM_ACP__CAPABILITIES__{name}", "false")
    resume = b'{"jsonrpc":"2.0","id":2,"method":"session/resume","params":{"sessionId":"s","cwd":"/"}}\n'
    close_fds = reading < 0
    done = subprocess.run(
        [continuum_command, *options],
        input=INITIALIZE + SESSION + resume,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
        close_fds=close_fds,
    )
    if not close_fds:
        os.close(reading)
    hello, session, refused = sorted(answers(done.stdout), key=lambda message: message["id"])
    promised = hello["result"]["agentCapabilities"]
    assert promised["loadSession"] is False
    assert promised["mcpCapabilities"] == promised["mcp"] == {"http": False, "sse": False}
    assert promised["sessionCapabilities"].keys() == {"close", "delete", "fork", "additionalDirectories"}
    assert "sessionId" in session["result"]
    assert refused["error"]["code"] == -32601
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_faulty_word_about_capabilities_does_not_keep_the_greeting(continuum_command: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:9")
    config.write_text("acp: {capabilities: {nonsense: 1}}\n", "utf-8")
    found = answers(_run(continuum_command, "--config", str(config)).stdout)
    hello, session = sorted(found, key=lambda message: message["id"])
    assert hello["result"]["agentCapabilities"]["loadSession"] is True
    assert "nonsense" in session["error"]["message"]


def test_stdio_is_the_default_mode_and_a_pipeline_is_answered(continuum_command: str, tmp_path: Path) -> None:
    done = _run(continuum_command, "--config", str(write_config(tmp_path, "http://127.0.0.1:9")))
    first, second = answers(done.stdout)
    assert first["result"]["protocolVersion"] == 1
    assert second["result"]["configOptions"][0]["currentValue"] == "test-model"
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("backends: [", "continuum.yaml"),
        ("nonsense: 1\n", "nonsense"),
        ("server: {workers: 0}\nacp: {sessions: {max_concurrent: none}}\n", "max_concurrent"),
        ("backends: [{name: a, type: generic, url: '${NO_SUCH_VARIABLE}'}]\n", "NO_SUCH_VARIABLE"),
    ],
)
@pytest.mark.parametrize("data", [INITIALIZE + SESSION, b""])
def test_a_faulty_configuration(continuum_command: str, tmp_path: Path, text: str, told: str, data: bytes) -> None:
    config = tmp_path / "continuum.yaml"
    config.write_text(text, encoding="utf-8")
    done = _run(continuum_command, "--mode", "stdio", "--config", str(config), data=data)
    said = done.stderr.decode()
    assert done.returncode == 2
    assert told in said
    assert "Traceback" not in said
    assert all(line.startswith("continuum: ") for line in said.splitlines())
    if data:
        first, second = answers(done.stdout)
        assert "result" in first
        assert second["error"]["code"] == -32603
        assert told in second["error"]["message"]


def test_a_file_that_is_not_there(continuum_command: str, tmp_path: Path) -> None:
    done = _run(continuum_command, "--config", str(tmp_path / "missing.yaml"))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert b"missing.yaml" in done.stderr


async def test_without_a_file_the_machine_is_looked_at_after_the_first_answer(
    continuum_command: str, tmp_path: Path
) -> None:
    async with open_upstream() as upstream:
        done = await trio.run_process(
            [continuum_command],
            stdin=INITIALIZE + SESSION,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            cwd=tmp_path,
            env={"HOME": str(tmp_path), "OPENAI_API_KEY": "sk-hidden", "OPENAI_BASE_URL": upstream.url},
        )
    first, second = answers(done.stdout)
    assert first["result"]["protocolVersion"] == 1
    assert "test-model" in json.dumps(second["result"]["configOptions"])
    said = done.stderr.decode()
    assert re.search(r"^continuum:   OPENAI_API_KEY +backend openai at OPENAI_BASE_URL$", said, re.MULTILINE)
    assert "hidden" not in said
    assert done.returncode == 0
