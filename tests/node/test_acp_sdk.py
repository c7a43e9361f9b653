"""The official ACP client for Node as an editor in front of the real process and a scripted model: one process of each
does all that acp_client.mjs knows, and every message passes a tap that holds it to the schemas.
"""

import json
import sys
from pathlib import Path
from typing import Any

import acp_tap
import mcp_server
import pytest
import trio
from acp_schema import hold_tapped
from wishes import Wishes

from continuum.testing.upstream import open_upstream

HERE = Path(__file__).resolve().parent
SECONDS = 150
ANSWER = "Every word of this answer is made up."
FILES = ("allow_once.txt", "reject_once.txt", "cancelled.txt", "unknown.txt", "kept.txt", "f", "old")

pytestmark = pytest.mark.node

STOPPED = {"stopReason": "cancelled", "soon": True, "after": "end_turn"}
NOT_ALLOWED = '["Not done: the user does not allow it"]'
EXPECTED: dict[str, Any] = {
    "handshake": {"version": 1, "agent": "continuum"},
    "unknownVersion": 1,
    "streaming": {"stopReason": "end_turn", "text": ANSWER, "inPieces": True, "messages": 1, "sizes": [4096]},
    "twoSessions": {"order": ["fast", "slow"], "slow": "slow end"},
    "queue": {
        "stopReasons": ["end_turn", "end_turn"],
        "said": f'{ANSWER}[["user", "hello"], ["assistant", "Every"], ["user", "recall"]]',
    },
    "cancelBeforeTheFirstToken": STOPPED,
    "cancelMidStreamAndQueued": {**STOPPED, "queued": "cancelled"},
    "cancelWhilePermissionIsAsked": {**STOPPED, "statuses": ["pending", "failed"]},
    "cancelInACommand": {**STOPPED, "ended": "SIGKILL"},
    "cancelInAnMcpTool": {**STOPPED, "statuses": ["pending", "in_progress", "failed"]},
    "permissionAllowed": {
        "asked": 1,
        "statuses": ["pending", "in_progress", "completed"],
        "told": '["Deleted {folder}/allow_once.txt"]',
    },
    "permissionRejected": {"asked": 1, "statuses": ["pending", "failed"], "told": NOT_ALLOWED},
    "permissionCancelled": {"asked": 1, "statuses": ["pending", "failed"], "told": NOT_ALLOWED},
    "permissionUnknown": {"asked": 1, "statuses": ["pending", "failed"], "told": NOT_ALLOWED},
    "readAndWrite": {"told": "unsaved text of f", "written": "better text of f"},
    "terminal": {"told": ["hello\n(exit status 0)"], "embedded": True, "released": True},
    "mcpTool": ["you said hi"],
    "loadAndResume": {"loaded": ["hello", ANSWER], "resumed": []},
    "listPages": {"several": True, "twice": 0, "missing": []},
    "trimming": [["user", "second"], ["assistant", "Every"], ["user", "recall"]],
    "optionsAndModes": "read_only",
    "unknownMethod": -32601,
    "endOfInput": {"stopReason": "cancelled", "exitCode": 0},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sessions are."""
    return tmp_path_factory.mktemp("editor")


@pytest.fixture(scope="module")
def seen(node: str, continuum_command: str, folder: Path) -> dict[str, Any]:
    """What the client saw, by cell."""
    for name in FILES:
        (folder / name).write_text("x")
    return trio.run(run, node, continuum_command, folder)


async def run(node: str, command: str, folder: Path) -> dict[str, Any]:
    wishes = Wishes()
    async with open_upstream(wishes, face="vllm") as upstream:
        wishes.told_by(upstream)
        config = folder / "continuum.yaml"
        data = {
            "backends": [{"name": "b", "type": "vllm", "url": upstream.url}],
            "acp": {"eof_grace": "300ms"},
            "storage": {"dir": str(folder / "state")},
            "logging": {"level": "error"},
        }
        config.write_text(json.dumps(data), encoding="utf-8")  # JSON is YAML
        server = {"name": "double", "command": sys.executable, "args": [mcp_server.__file__, "none"], "env": []}
        settings = json.dumps({"upstream": upstream.url, "mcpServer": server})
        agent = acp_tap.command(folder / "tapped", command, "--mode", "stdio", "--config", str(config))
        with trio.fail_after(SECONDS):
            done = await trio.run_process(
                [node, str(HERE / "acp_client.mjs"), settings, *agent],
                cwd=folder,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("cell", EXPECTED)
def test_cell(cell: str, seen: dict[str, Any], folder: Path) -> None:
    expected = json.loads(json.dumps(EXPECTED[cell]).replace("{folder}", str(folder)))
    assert seen[cell] == expected


def test_nothing_is_left_out(seen: dict[str, Any], folder: Path) -> None:
    assert seen.keys() == EXPECTED.keys()
    assert [name for name in FILES if not (folder / name).exists()] == ["allow_once.txt"]


def test_every_message_is_right(seen: dict[str, Any], folder: Path) -> None:
    assert seen
    assert hold_tapped(folder / "tapped") > 300
