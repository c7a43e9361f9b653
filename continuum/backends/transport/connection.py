"""One connection to an origin: used for one request at a time, closed at once when a caller gives up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from continuum.backends.transport.message import ResponseReader
from continuum.errors import StaleConnection, UpstreamProtocolError

if TYPE_CHECKING:
    from continuum.backends.transport.wire import Wire

__all__ = ["Connection"]

_TURNS = 8
"""Reads without waiting after which others get their turn."""

_NO_ANSWER = "the backend closed the connection without an answer"
_BROKE_OFF = "the backend's answer broke off"


class Connection:
    """A wire and the answer being read from it. idle_since: trio's clock, while nobody uses it."""

    __slots__ = ("_reader", "_sent", "_turn", "_wire", "idle_since")

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._reader = ResponseReader()
        self._sent = True
        self._turn = 0
        self.idle_since = 0.0

    @property
    def alive(self) -> bool:
        """Whether the server has kept it open and silent while it was idle."""
        return self._wire.quiet

    @property
    def reusable(self) -> bool:
        """Whether request and answer are complete and the server keeps it open."""
        return self._sent and self._reader.reusable

    async def exchange(self, head: bytes, content: bytes, *, bodyless: bool) -> ResponseReader:
        """Send a request and read its answer's head. bodyless: no body follows, whatever the head says.

        Raises StaleConnection when not one byte came back, UpstreamProtocolError.
        """
        reader = self._reader = self._reader.following(bodyless=bodyless)
        try:
            try:
                self._sent = self._wire.send(head, content)
            except OSError:
                self._sent = False  # it may have answered before it closed
            else:
                if not self._sent:
                    await self._send_rest(reader)
            while not reader.has_head:
                await self._read(reader)
        except OSError:
            raise (UpstreamProtocolError if reader.started else StaleConnection)(_BROKE_OFF) from None
        except UpstreamProtocolError:
            if not reader.started:
                raise StaleConnection(_NO_ANSWER) from None
            raise
        return reader

    async def receive(self) -> bytes:
        """More of the body, b"" at its end. Raises UpstreamProtocolError."""
        reader = self._reader
        piece = reader.take()
        try:
            while not piece and not reader.ended:
                await self._read(reader)
                piece = reader.take()
        except OSError:
            raise UpstreamProtocolError(_BROKE_OFF) from None
        return piece

    def close(self) -> None:
        """Close now, without a word to the server."""
        self._wire.close()

    async def _read(self, reader: ResponseReader) -> None:
        """Wait for bytes unless they are known to be there: what piles up meanwhile is read and parsed in one go."""
        wire = self._wire
        data: bytes | None = None
        if wire.ready:
            self._turn += 1
            if self._turn % _TURNS == 0:
                await trio.lowlevel.checkpoint()
            data = wire.read()
        while data is None:
            await trio.lowlevel.wait_readable(wire.socket)
            data = wire.read()
        if data:
            reader.feed(data)
        else:
            reader.feed_eof()

    async def _send_rest(self, reader: ResponseReader) -> None:
        """Send what the socket's buffer did not take, and listen: a server may refuse before it has read it all."""
        faults: list[OSError | UpstreamProtocolError] = []

        async def listen() -> None:
            try:
                while not reader.has_head:
                    await self._read(reader)
            except (OSError, UpstreamProtocolError) as fault:
                faults.append(fault)
            if faults or reader.status >= 300:
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            try:
                while not self._wire.flush():
                    await trio.lowlevel.wait_writable(self._wire.socket)
                self._sent = True
            except OSError:
                pass  # as above: its answer may have come before
            nursery.cancel_scope.cancel()
        if faults:
            raise faults[0]
