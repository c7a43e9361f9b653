"""The official Node SDKs as black-box clients of the real process, in front of a scripted upstream."""

import json
import os
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from child import Child
from serving import backend, config, running

HERE = Path(__file__).resolve().parent
ANSWER = "Every word of this answer is made up."
CLIENT_TIMEOUT_S = 60

pytestmark = pytest.mark.node


def run_client(node: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [node, *arguments], cwd=HERE, capture_output=True, text=True, timeout=CLIENT_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.fixture
def upstream(tmp_path: Path) -> Generator[str]:
    """A scripted upstream as a process: its base URL."""
    with Child(["-m", "continuum.testing.upstream", "--port", "0"], home=tmp_path) as child:
        yield child.wait_for_line(r"http://\S+", pipe="stdout")[0]


def test_openai_for_node(node: str, upstream: str, tmp_path: Path) -> None:
    with running(tmp_path, config(backend(upstream))) as router:
        seen = run_client(node, "openai_client.mjs", f"{router.url}/v1")
        assert seen["models"] == ["test-model"]
        assert seen["plain"] == seen["folded"] == seen["afterLeaving"] == "".join(seen["stream"]) == ANSWER
        assert len(seen["stream"]) > 1
        assert seen["finish"] == "stop"
        assert seen["plainUsage"] == seen["streamUsage"] > 0
        assert seen["unknownModel"]["class"] == "NotFoundError"
        assert seen["unknownModel"]["status"] == 404
        assert seen["unknownModel"]["code"] == "model_not_found"
        assert router.stop() == 0


def test_acp_sdk_for_node(node: str, upstream: str, continuum_command: str, tmp_path: Path) -> None:
    file = tmp_path / "continuum.yaml"
    file.write_text(json.dumps(config(backend(upstream))), encoding="utf-8")  # JSON is YAML
    seen = run_client(node, "acp_client.mjs", continuum_command, "--mode", "stdio", "--config", str(file))
    assert seen["protocolVersion"] == 1
    assert "".join(seen["chunks"]) == ANSWER * 2  # the turn, and its replay by session/load
    assert len(seen["chunks"]) > 2
    assert (seen["loaded"], seen["resumed"]) == (ANSWER, "")
    assert seen["listed"] == ["hello"]
    assert seen["mode"] == "read_only"
    assert seen["stopReason"] == "end_turn"
    assert seen["unknownMethod"] == -32601
    assert seen["exitCode"] == 0


def test_acpx(node: str, upstream: str, continuum_command: str, tmp_path: Path) -> None:
    """The headless client: one prompt, then a session that goes on in another process of the agent."""
    file = tmp_path / "continuum.yaml"
    data = {**config(backend(upstream)), "storage": {"dir": str(tmp_path / "state")}}
    file.write_text(json.dumps(data), encoding="utf-8")
    acpx = [str(HERE / "node_modules/acpx/dist/cli.js"), "--agent", f"{continuum_command} --config {file}"]
    environ = {**os.environ, "HOME": str(tmp_path), "PATH": f"{Path(node).parent}:{os.environ['PATH']}"}

    def run(*arguments: str) -> str:
        command = [node, *acpx, "--ttl", "1", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=CLIENT_TIMEOUT_S, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    messages = [json.loads(line) for line in run("--format", "json", "exec", "hello").splitlines()]
    assert messages[-1]["result"]["stopReason"] == "end_turn"
    assert run("--format", "quiet", "exec", "hello").strip() == ANSWER
    session = run("sessions", "new", "--name", "lasting").split()[-1]
    assert run("--format", "quiet", "prompt", "-s", "lasting", "first").strip() == ANSWER
    listed = run("sessions", "list")
    run("sessions", "close", "lasting")
    assert session in listed
