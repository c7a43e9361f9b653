"""The built wheel, driven from outside the checkout: what users get, not what lies beside the tests."""

import json
import os
import subprocess
import threading
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from acp_schema import hold_lines
from child import Child
from serving import backend, config

ANSWER = "Every word of this answer is made up."
TIMEOUT_S = 30


@pytest.fixture
def configuration(tmp_path: Path) -> Generator[Path]:
    """A configuration file that points at a scripted upstream."""
    with Child(["-m", "continuum.testing.upstream", "--port", "0"], home=tmp_path) as upstream:
        url = upstream.wait_for_line(r"http://\S+", pipe="stdout")[0]
        file = tmp_path / "continuum.yaml"
        file.write_text(json.dumps(config(backend(url))), encoding="utf-8")  # JSON is YAML
        yield file


@contextmanager
def launched(installed: Path, *arguments: str, cwd: Path) -> Generator[subprocess.Popen[str]]:
    """The wheel's console script; a blocked read ends with the process, which ends with the timer."""
    with subprocess.Popen(
        [str(installed / "continuum"), *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        timer = threading.Timer(TIMEOUT_S, process.kill)
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()


def test_its_only_top_level_name_is_continuum(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"continuum"}
    assert "continuum/py.typed" in names


def test_it_holds_every_module(wheel: Path, checkout: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    wanted = {
        str(Path(prefix, path.relative_to(checkout)))
        for top, prefix in (("continuum", ""), ("acp", "continuum"), ("cli", "continuum"))
        for path in (checkout / top).rglob("*.py")
    }
    assert not wanted - names


def test_it_does_not_hide_the_official_sdk(installed: Path, tmp_path: Path) -> None:
    code = "import continuum.acp, continuum.cli, importlib.util as u; print(continuum.__file__, u.find_spec('cli'))"
    done = subprocess.run([installed / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    file, cli = done.stdout.split()
    assert Path(file).is_relative_to(installed.parent)
    assert cli == "None"


def test_http_mode(installed: Path, configuration: Path, tmp_path: Path) -> None:
    with launched(installed, "--mode", "http", "--config", str(configuration), cwd=tmp_path) as process:
        assert process.stderr is not None
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if "listening on" in line:
                break
        assert said, "ended without a word"
        assert "listening on" in said[-1], "".join(said)
        url = said[-1].split()[-1]
        ask = {"model": "test-model", "messages": [{"role": "user", "content": "hello"}]}
        with httpx.Client(base_url=url, trust_env=False, timeout=TIMEOUT_S) as client:
            plain = client.post("/v1/chat/completions", json=ask).raise_for_status().json()
            streamed = client.post("/v1/chat/completions", json={**ask, "stream": True}).raise_for_status().text
        process.terminate()
        assert process.wait(TIMEOUT_S) == 0
    assert plain["choices"][0]["message"]["content"] == ANSWER
    assert streamed.rstrip().endswith("data: [DONE]")


def test_stdio_mode(installed: Path, configuration: Path, tmp_path: Path) -> None:
    initialize: dict[str, Any] = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {"protocolVersion": 1, "clientCapabilities": {}},
    }
    with launched(installed, "--mode", "stdio", "--config", str(configuration), cwd=tmp_path) as process:
        out, err = process.communicate(json.dumps(initialize) + "\n", timeout=TIMEOUT_S)
        assert process.returncode == 0, err
    hold_lines([out.encode()], [json.dumps(initialize).encode()])
    answer = json.loads(out)
    assert answer["id"] == 0
    assert answer["result"]["protocolVersion"] == 1
