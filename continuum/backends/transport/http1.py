"""Our own HTTP/1.1 transport: idle connections on a stack per origin, taken and put back in constant time.

The stock pools look at every connection for every request, and lose a place for good when a caller is cancelled.
"""

from __future__ import annotations

import math
import ssl
from typing import TYPE_CHECKING

import trio

from continuum.backends.transport.connection import Connection
from continuum.backends.transport.dial import dial
from continuum.backends.transport.message import write_head
from continuum.backends.transport.places import Counts, Places
from continuum.errors import StaleConnection, UpstreamProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.backends.transport.message import ResponseReader
    from continuum.backends.transport.port import Origin
    from continuum.providers import Headers

__all__ = ["Http1Transport"]


class Http1Transport:
    """Satisfies `port.Transport`.

    keepalive: idle connections kept per origin. idle: seconds after which an unused one is closed.
    connect_timeout: seconds. limit: connections per origin; who comes later waits, first come first served.
    context: made once by the caller, since making one costs 20 ms.
    """

    def __init__(
        self, context: ssl.SSLContext, *, keepalive: int, idle: float, connect_timeout: float, limit: int | None = None
    ) -> None:
        self._context = context
        self._keepalive = keepalive
        self._idle = idle
        self._connect_timeout = connect_timeout
        self._limit = limit
        self._origins: dict[Origin, Places] = {}
        self._closed = False

    async def send(self, origin: Origin, method: str, path: str, headers: Headers, content: bytes) -> Answer:
        """Send over an idle connection, or a new one where there is none or the idle one proves dead."""
        head = write_head(origin, method, path, headers, len(content))
        bodyless = method == "HEAD"
        places = self._origins.get(origin)
        if places is None:
            places = self._origins[origin] = Places(self._limit, self._keepalive)
        connection = await places.take()
        try:
            if connection is not None:
                try:
                    reader = await connection.exchange(head, content, bodyless=bodyless)
                    return Answer(self, places, connection, reader)
                except StaleConnection:  # the server gave it up between two requests: its right
                    connection.close()
            connection = Connection(await dial(origin, self._context, self._connect_timeout))
            reader = await connection.exchange(head, content, bodyless=bodyless)
            return Answer(self, places, connection, reader)
        except BaseException as fault:
            if connection is not None:
                connection.close()
            places.leave()
            if isinstance(fault, StaleConnection):
                raise UpstreamProtocolError(fault.message) from None
            raise

    def retune(self, *, idle: float, connect_timeout: float) -> None:
        """Other times, in seconds; connections stay."""
        self._idle, self._connect_timeout = idle, connect_timeout

    def counts(self) -> dict[Origin, Counts]:
        """What there is now, of each origin that has connections."""
        return {origin: places.counts for origin, places in self._origins.items() if not places.empty}

    async def run(self) -> None:
        """Close what has been idle for too long."""
        while True:
            now = trio.current_time()
            for origin, places in list(self._origins.items()):
                places.close_idle(now - self._idle)
                if places.empty:
                    del self._origins[origin]
            oldest = min((places.oldest for places in self._origins.values()), default=now)
            await trio.sleep_until(min(oldest, now) + self._idle)

    async def aclose(self) -> None:
        """Close every idle connection; one in use is closed when its caller lets go."""
        self._closed = True
        for places in self._origins.values():
            places.close_idle(math.inf)
        await trio.lowlevel.checkpoint()

    def put_back(self, places: Places, connection: Connection) -> None:
        """Take a connection back from an answer that is done with it."""
        if self._closed or not connection.reusable:
            connection.close()
            places.leave()
        else:
            places.put_back(connection)


class Answer:
    """Satisfies `port.Incoming`."""

    __slots__ = ("_connection", "_places", "_transport", "headers", "status")

    def __init__(
        self, transport: Http1Transport, places: Places, connection: Connection, reader: ResponseReader
    ) -> None:
        self._transport = transport
        self._places = places
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
            self._transport.put_back(self._places, connection)
