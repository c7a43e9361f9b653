"""Our own HTTP/1.1 transport: idle connections on a stack per origin, taken and put back in constant time.

The stock pools look at every connection for every request, and lose a place for good when a caller is cancelled.
"""

from __future__ import annotations

import ssl
from collections import deque
from typing import TYPE_CHECKING

import trio

from continuum.backends.transport.connection import connect
from continuum.backends.transport.message import write_request
from continuum.errors import StaleConnection, UpstreamProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.backends.transport.connection import Connection
    from continuum.backends.transport.message import ResponseReader
    from continuum.backends.transport.port import Origin
    from continuum.providers import Headers

__all__ = ["Http1Transport"]


class Http1Transport:
    """Satisfies `port.Transport`.

    keepalive: idle connections kept per origin. idle: seconds after which an unused one is closed.
    connect_timeout: seconds. context: made once by the caller, since making one costs 20 ms.
    """

    def __init__(self, context: ssl.SSLContext, *, keepalive: int, idle: float, connect_timeout: float) -> None:
        self._context = context
        self._keepalive = keepalive
        self._idle = idle
        self._connect_timeout = connect_timeout
        self._free: dict[Origin, deque[Connection]] = {}
        self._closed = False

    async def send(self, origin: Origin, method: str, path: str, headers: Headers, content: bytes) -> Answer:
        """Send over an idle connection, or a new one where there is none or the idle one proves dead."""
        request = write_request(origin, method, path, headers, content)
        idle = self._take(origin)
        if idle is not None:
            try:
                return await self._exchange(origin, idle, request)
            except StaleConnection:
                pass  # the server gave it up between two requests: its right
        fresh = await connect(origin, self._context, self._connect_timeout)
        try:
            return await self._exchange(origin, fresh, request)
        except StaleConnection as fault:
            raise UpstreamProtocolError(fault.message) from None

    async def run(self) -> None:
        """Close what has been idle for too long."""
        while True:
            await trio.sleep(self._idle / 2)
            before = trio.current_time() - self._idle
            for origin, free in list(self._free.items()):
                while free and free[0].idle_since <= before:
                    free.popleft().close()
                if not free:
                    del self._free[origin]

    async def aclose(self) -> None:
        """Close every idle connection; one in use is closed when its caller lets go."""
        self._closed = True
        for free in self._free.values():
            for connection in free:
                connection.close()
        self._free.clear()
        await trio.lowlevel.checkpoint()

    async def _exchange(self, origin: Origin, connection: Connection, request: bytes) -> Answer:
        try:
            return Answer(self, origin, connection, await connection.exchange(request))
        except BaseException:
            connection.close()
            raise

    def _take(self, origin: Origin) -> Connection | None:
        free = self._free.get(origin)
        while free:
            connection = free.pop()
            if connection.alive:
                return connection
            connection.close()
        return None

    def put_back(self, origin: Origin, connection: Connection) -> None:
        """Take a connection back from an answer that is done with it."""
        if self._closed or not connection.reusable:
            connection.close()
            return
        free = self._free.setdefault(origin, deque())
        connection.idle_since = trio.current_time()
        free.append(connection)
        if len(free) > self._keepalive:
            free.popleft().close()


class Answer:
    """Satisfies `port.Incoming`."""

    def __init__(
        self, transport: Http1Transport, origin: Origin, connection: Connection, reader: ResponseReader
    ) -> None:
        self._transport = transport
        self._origin = origin
        self._connection: Connection | None = connection
        self.status = reader.status
        self.headers: Mapping[str, str] = reader.headers

    async def receive(self) -> bytes:
        """More of the body, b"" at its end."""
        return await self._connection.receive() if self._connection is not None else b""

    async def aclose(self) -> None:
        """Give the connection back, or close it where the answer has not ended. Does not wait."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._transport.put_back(self._origin, connection)
