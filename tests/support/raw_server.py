"""A server of bytes: each connection is handled by the test's own function. It knows just enough HTTP to find where a
request ends.
"""

import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from continuum.backends.transport import Origin

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


class Peer:
    """The server's end of one connection, numbered from 1."""

    def __init__(self, stream: Stream, number: int) -> None:
        self.stream = stream
        self.number = number
        self.body = b""  # of the last request
        self._buffer = b""

    async def request(self, *, body: bool = True) -> bytes:
        """The next request, b"" when the connection ends first; without its body when that is not asked for."""
        while b"\r\n\r\n" not in self._buffer:
            if not await self._more():
                return b""
        head = self._buffer.partition(b"\r\n\r\n")[0]
        start, size = len(head) + 4, 0
        for line in head.lower().split(b"\r\n"):
            if body and line.startswith(b"content-length:"):
                size = int(line.partition(b":")[2])
        while len(self._buffer) < start + size:
            if not await self._more():
                return b""
        self.body, self._buffer = self._buffer[start : start + size], self._buffer[start + size :]
        return head

    async def send(self, data: bytes) -> None:
        if data:
            await self.stream.send_all(data)

    async def until_left(self) -> None:
        """Return when the other side has closed."""
        while await self._more():
            pass

    def reset(self) -> None:
        """End with RST."""
        stream = self.stream.transport_stream if isinstance(self.stream, trio.SSLStream) else self.stream
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.socket.close()

    async def _more(self) -> bool:
        data = await self.stream.receive_some(2**16)
        self._buffer += data
        return bool(data)


Handler = Callable[[Peer], Awaitable[None]]


class RawServer:
    """accepted: connections so far. handled: those whose handler has returned."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.accepted = 0
        self._open = 0
        self._lot = trio.lowlevel.ParkingLot()

    async def all_closed(self) -> None:
        """Return when no connection is open any more."""
        while self._open:
            await self._lot.park()

    async def serve(self, stream: Stream, handler: Handler) -> None:
        """One connection; what a client does to it is no fault of the server."""
        self.accepted += 1
        self._open += 1
        try:
            await handler(Peer(stream, self.accepted))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)
            self._open -= 1
            if not self._open:
                self._lot.unpark_all()


@asynccontextmanager
async def raw_server(
    handler: Handler, *, path: Path | None = None, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncGenerator[RawServer]:
    """A server on 127.0.0.1, or on a unix socket; `host` is how the origin names it."""
    listener = trio.socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    await listener.bind(str(path) if path else ("127.0.0.1", 0))
    listener.listen(1024)
    port = 0 if path else listener.getsockname()[1]
    scheme = "http+unix" if path else "https" if tls else "http"
    server = RawServer(Origin(scheme, "localhost" if path else host, port, str(path) if path else None))

    async def converse(plain: trio.SocketStream) -> None:
        await server.serve(trio.SSLStream(plain, tls, server_side=True) if tls else plain, handler)

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, converse, [trio.SocketListener(listener)])
            yield server
            nursery.cancel_scope.cancel()
    finally:
        listener.close()
