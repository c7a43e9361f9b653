"""The official OpenAI client for Node as a black-box client of the real process, in front of a scripted upstream."""

import json
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
