"""MCP servers over HTTP, streamable and sse: their tools are called; one that is no MCP server is disabled."""

import hashlib
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import mcp_server
import pytest
import trio
from acp_peer import ScriptedHost, text_answer
from desk import call, calls, open_desk, told
from raw_server import Peer, raw_server

from continuum.acp.mcp.link import attend
from continuum.acp.servers import Server, ServerFault, specs_of
from continuum.backends.managed.readiness import free_port

ALLOW: dict[str, Any] = {"permissions": {"default_policy": "allow", "always_ask": []}}
KEY = "sk-planted-mcp-key"
PROGRAM = Path(mcp_server.__file__).with_name("mcp_http_server.py")
PATHS = {"http": "/mcp", "sse": "/sse"}
TRANSPORTS = {"http": "streamable-http", "sse": "sse"}
GARBAGE = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\nhello"
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"
NO_HTTP = b"\x00\x01\x02 no HTTP at all\r\n\r\n"
NO_MESSAGE = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"a": [1]'

# The official client leaves its last event stream to the garbage collector, which trio remarks upon.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'http(x|core)2:ResourceWarning")


def given(kind: str, port: int, name: str = "double") -> dict[str, Any]:
    """A server as session/new names it."""
    headers = [{"name": "x-key", "value": KEY}]
    return {"name": name, "type": kind, "url": f"http://127.0.0.1:{port}{PATHS[kind]}", "headers": headers}


@contextmanager
def running(kind: str) -> Generator[int]:
    """The real server in a child process; its port."""
    command = [sys.executable, str(PROGRAM), TRANSPORTS[kind]]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate(timeout=10)


@pytest.mark.parametrize("kind", PATHS)
async def test_a_tool_is_called_with_the_clients_headers(kind: str, tmp_path: Path) -> None:
    scripted = ScriptedHost()
    scripted.answers.extend([calls(call("double__greet", whom="Ada")), text_answer("ok")])
    with running(kind) as port:
        async with open_desk(scripted, acp=ALLOW) as ide:
            session = await ide.new_session(str(tmp_path), mcpServers=[given(kind, port)])
            with trio.fail_after(20):
                assert await ide.prompt(session) == {"stopReason": "end_turn"}
            assert ide.said("agent_thought_chunk") == ""
            assert ide.tool_call("c1")["statuses"] == ["pending", "in_progress", "completed"]
        assert KEY not in str(ide.messages)
    assert told(scripted) == f"hello Ada, {hashlib.sha256(KEY.encode()).hexdigest()}"


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize(
    "answer", [BROKEN, GARBAGE, NO_HTTP, NO_MESSAGE, b""], ids=["500", "html", "bytes", "json", "end"]
)
async def test_what_is_no_mcp_server_is_disabled_and_the_session_lives(
    kind: str, answer: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(peer: Peer) -> None:
        while await peer.request():
            await peer.send(answer)
            if not answer:
                return

    async with raw_server(refuse) as server:
        await disabled(tmp_path, given(kind, server.origin.port))
    assert KEY not in caplog.text


@pytest.mark.parametrize("kind", PATHS)
async def test_a_server_that_is_down(kind: str, tmp_path: Path) -> None:
    await disabled(tmp_path, given(kind, free_port()))


async def disabled(cwd: Path, server: dict[str, Any]) -> None:
    scripted = ScriptedHost()
    scripted.answers.append(text_answer("ok"))
    async with open_desk(scripted, acp=ALLOW) as ide:
        session = await ide.new_session(str(cwd), mcpServers=[server])
        with trio.fail_after(10):
            assert await ide.prompt(session) == {"stopReason": "end_turn"}
        assert ide.said() == "ok"
        said = ide.said("agent_thought_chunk")
        assert said.startswith("The MCP server double is disabled: it cannot be reached")
        assert KEY not in str(ide.messages)


@pytest.mark.parametrize("kind", ["stdio", *PATHS])
async def test_a_server_that_hangs_at_its_start_is_given_up(kind: str, tmp_path: Path) -> None:
    async def hang(peer: Peer) -> None:
        await peer.until_left()

    async with raw_server(hang) as server:
        stdio = {"name": "double", "command": sys.executable, "args": [str(mcp_server.__file__), "hang"]}
        (spec,) = specs_of([], [given(kind, server.origin.port) if kind in PATHS else stdio])
        with trio.fail_after(5), pytest.raises(ServerFault, match=r"it did not start within 0\.3 s"):
            await attend(Server(spec), str(tmp_path), start_within=0.3)
