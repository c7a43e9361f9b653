"""An MCP server over HTTP in the test's own loop, so that its slowness costs no time under trio's MockClock."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio
from raw_server import Peer, raw_server

from continuum.acp.servers import Spec


def response(status: str, content_type: str = "application/json", body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


class Double:
    """One tool, `work`. says: what it repeats wherever it may say something. seconds: what a call of it takes.

    refuses: the method that it answers with an error.
    """

    def __init__(self, *, says: str = "", seconds: float = 0, refuses: str = "") -> None:
        self.seconds = seconds
        self._says = says
        self._refuses = refuses
        self._events: Peer | None = None  # where answers go over sse

    async def http(self, peer: Peer) -> None:
        """Streamable HTTP, each answer in the response to its question."""
        while head := await peer.request():
            if not head.startswith(b"POST"):
                await peer.send(response("405 Method Not Allowed"))
            elif (answer := await self._answer(json.loads(peer.body))) is None:
                await peer.send(response("202 Accepted"))
            else:
                await peer.send(response("200 OK", body=answer))

    async def sse(self, peer: Peer) -> None:
        """The older transport: one stream for all answers."""
        while head := await peer.request():
            if head.startswith(b"GET"):
                self._events = peer
                await peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
                await peer.send(b"event: endpoint\ndata: /messages\n\n")
                await peer.until_left()
                return
            await peer.send(response("202 Accepted"))
            answer = await self._answer(json.loads(peer.body))
            if answer is not None and self._events is not None:
                await self._events.send(b"event: message\ndata: " + answer + b"\n\n")

    async def _answer(self, message: dict[str, Any]) -> bytes | None:
        if "id" not in message:
            return None
        outcome: dict[str, Any] = {"result": await self._result(message["method"], message.get("params", {}))}
        if message["method"] == self._refuses:
            outcome = {"error": {"code": -32000, "message": f"no: {self._says}"}}
        return json.dumps({"jsonrpc": "2.0", "id": message["id"], **outcome}).encode()

    async def _result(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "initialize":
                info = {"name": "double", "version": "1"}
                return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": info}
            case "tools/list":
                tool = {"name": "work", "description": f"Works. {self._says}", "inputSchema": {"type": "object"}}
                return {"tools": [tool]}
            case _:
                await trio.sleep(self.seconds)
                return {"content": [{"type": "text", "text": f"done: {self._says}"}]}


@asynccontextmanager
async def open_double(double: Double, kind: str, **headers: str) -> AsyncGenerator[Spec]:
    """It listens; how it is reached with these headers."""
    async with raw_server(double.http if kind == "http" else double.sse) as server:
        url = f"http://127.0.0.1:{server.origin.port}/"
        yield Spec("double", "http" if kind == "http" else "sse", url=url, headers=headers)
