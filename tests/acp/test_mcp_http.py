"""MCP servers over HTTP, streamable and sse: their tools are called; one that is no MCP server is disabled."""

import hashlib
import ssl
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
from certificates import certificate
from desk import call, calls, open_desk, told
from patience import PATIENCE_S
from ports import free_port
from raw_server import Peer, raw_server

from continuum.acp.mcp.link import attend
from continuum.acp.servers import Server, ServerFault, specs_of

ALLOW: dict[str, Any] = {"permissions": {"default_policy": "allow", "always_ask": []}}
KEY = "sk-planted-mcp-key"
PROGRAM = Path(mcp_server.__file__).with_name("mcp_http_server.py")
PATHS = {"http": "/mcp", "sse": "/sse"}
TRANSPORTS = {"http": "streamable-http", "sse": "sse"}
# The official client leaves its last event stream to the garbage collector, which trio remarks upon.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'http(x|core)2:ResourceWarning")


def answer(status: str, header: str = "content-type: text/plain", body: bytes = b"hello") -> bytes:
    return f"HTTP/1.1 {status}\r\n{header}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


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
        process.communicate(timeout=PATIENCE_S)


@pytest.mark.parametrize("kind", PATHS)
async def test_a_tool_is_called_with_the_clients_headers(kind: str, tmp_path: Path) -> None:
    scripted = ScriptedHost()
    scripted.answers.extend([calls(call("double__greet", whom="Ada")), text_answer("ok")])
    with running(kind) as port:
        async with open_desk(scripted, acp=ALLOW) as ide:
            session = await ide.new_session(str(tmp_path), mcpServers=[given(kind, port)])
            with trio.fail_after(PATIENCE_S):
                assert await ide.prompt(session) == {"stopReason": "end_turn"}
            assert ide.said("agent_thought_chunk") == ""
            assert ide.tool_call("c1")["statuses"] == ["pending", "in_progress", "completed"]
        assert KEY not in str(ide.messages)
    assert told(scripted) == f"hello Ada, {hashlib.sha256(KEY.encode()).hexdigest()}"


NO_MCP = "what answers at its URL is no MCP server"
ANSWERS: dict[str, tuple[bytes, str]] = {
    "401": (answer("401 Unauthorized"), "it wants other credentials: look at the headers that it is given (HTTP 401)"),
    "403": (
        answer("403 Forbidden"),
        "it does not let these credentials in: look at the headers that it is given (HTTP 403)",
    ),
    "404": (answer("404 Not Found"), "there is no MCP server at its URL (HTTP 404)"),
    "302": (
        answer("302 Found", "location: https://elsewhere.example/"),
        "it redirects elsewhere: give the address that it redirects to (HTTP 302)",
    ),
    "500": (answer("500 Internal Server Error"), "it fails (HTTP 500)"),
    "html": (answer("200 OK", "content-type: text/html"), NO_MCP),
    "json": (answer("200 OK", "content-type: application/json", b'{"a": [1]'), NO_MCP),
    "bytes": (b"\x00\x01\x02 no HTTP at all\r\n\r\n", NO_MCP),
    "end": (b"", NO_MCP),
}


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("case", ANSWERS)
async def test_what_is_no_mcp_server_is_disabled_for_a_reason_and_the_session_lives(
    kind: str, case: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said, reason = ANSWERS[case]

    async def refuse(peer: Peer) -> None:
        while await peer.request():
            await peer.send(said)
            if not said:
                return

    async with raw_server(refuse) as server:
        await disabled(tmp_path, given(kind, server.origin.port), reason)
    assert KEY not in caplog.text


@pytest.mark.parametrize("kind", PATHS)
async def test_a_server_that_is_down(kind: str, tmp_path: Path) -> None:
    await disabled(tmp_path, given(kind, free_port()), "the connection is refused: nothing listens at its address")


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://127.0.0.1:{port}/", "nobody trusted vouches for its TLS certificate"),
        ("http://no-such-host.invalid/", "its host name is not known"),
        ("ftp://127.0.0.1/", "its URL is no http:// or https:// address"),
        ("here", "its URL is no http:// or https:// address"),
    ],
)
async def test_an_address_that_leads_nowhere(kind: str, url: str, reason: str, tmp_path: Path) -> None:
    files = certificate()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(files["cert_file"], files["key_file"])

    async def shake_hands(peer: Peer) -> None:
        await peer.request()

    async with raw_server(shake_hands, tls=tls) as server:
        await disabled(tmp_path, {**given(kind, 0), "url": url.format(port=server.origin.port)}, reason)


async def disabled(cwd: Path, server: dict[str, Any], reason: str) -> None:
    scripted = ScriptedHost()
    scripted.answers.append(text_answer("ok"))
    async with open_desk(scripted, acp=ALLOW) as ide:
        session = await ide.new_session(str(cwd), mcpServers=[server])
        with trio.fail_after(PATIENCE_S):
            assert await ide.prompt(session) == {"stopReason": "end_turn"}
        assert ide.said() == "ok"
        said = ide.said("agent_thought_chunk")
        assert said.startswith(f"The MCP server double is disabled: {reason}")
        assert KEY not in str(ide.messages)


@pytest.mark.parametrize("kind", ["stdio", *PATHS])
async def test_a_server_that_hangs_at_its_start_is_given_up(kind: str, tmp_path: Path) -> None:
    async def hang(peer: Peer) -> None:
        await peer.until_left()

    async with raw_server(hang) as server:
        stdio = {"name": "double", "command": sys.executable, "args": [str(mcp_server.__file__), "hang"]}
        (spec,) = specs_of([], [given(kind, server.origin.port) if kind in PATHS else stdio])
        with trio.fail_after(PATIENCE_S), pytest.raises(ServerFault, match=r"it did not start within 0\.3 s"):
            await attend(Server(spec), str(tmp_path), start_within=0.3)
