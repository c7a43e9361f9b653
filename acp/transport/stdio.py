"""NDJSON over a pair of descriptors: chunks in, coalesced lines out, each with a bound. No JSON is read here."""

from __future__ import annotations

from typing import Final

import trio

from .channel import open_channel

__all__ = ["StdioTransport"]

_READ_SIZE: Final = 65536  # a pipe's capacity
_WRITE_SIZE: Final = 1024 * 1024  # bytes offered to one write
_FULL: Final = 1024 * 1024  # bytes unwritten at which `room` waits
_DRAINED: Final = 256 * 1024  # bytes unwritten at which it goes on
_FLOODED: Final = 16 * 1024 * 1024  # bytes unwritten at which even the reader waits


class StdioTransport:
    """Reads chunks; queues lines and writes them in as few calls as the client's reading allows.

    `post` never waits, so that an answer needs no task; who produces much calls `room` after it. One task must
    run `write_forever`.
    """

    def __init__(self, in_fd: int, out_fd: int, *, unread: bytes = b"") -> None:
        """unread: bytes that were read from in_fd before. OSError: a descriptor is not open."""
        self._unread = unread
        self._input = open_channel(in_fd, writing=False)
        self._output = open_channel(out_fd, writing=True)
        self._lines: list[bytes] = []
        self._unwritten = 0
        self._work = trio.Event()
        self._behind: list[bytes] | None = None  # lines that are held
        self._waiting = trio.lowlevel.ParkingLot()
        self._broken = False

    async def receive(self) -> bytes:
        """The next bytes; empty at the end, and when reading fails: a client that is gone is an end."""
        await self._below(_FLOODED)
        if self._unread:
            unread, self._unread = self._unread, b""
            return unread
        try:
            return await self._input.read(_READ_SIZE)
        except OSError:
            return b""

    def hold(self) -> None:
        """What is posted from now on waits for the line that goes ahead of it."""
        self._behind = []

    def post(self, line: bytes, *, ahead: bool = False) -> None:
        """Queue a line; dropped once the client has gone. ahead: it is the one that `hold` spoke of."""
        if self._broken:
            return
        self._unwritten += len(line)
        if self._behind is not None and not ahead:
            self._behind.append(line)
            return
        self._lines += [line, *(self._behind or ())]
        self._behind = None
        self._work.set()

    async def room(self) -> None:
        """Wait while the client is behind by a lot; a checkpoint only then."""
        if self._unwritten >= _FULL:
            await self._below(_DRAINED)

    async def flush(self) -> None:
        """Wait until all that was posted is written, or the client has gone."""
        await self._below(1)

    async def _below(self, limit: int) -> None:
        while self._unwritten >= limit:
            await self._waiting.park()

    @property
    def abandoned(self) -> bool:
        """Whether nobody can read any more what is written."""
        return self._broken or self._output.hung_up

    async def write_forever(self) -> None:
        """Write what is posted; returns when the client has closed its end."""
        while True:
            await self._work.wait()
            self._work = trio.Event()
            lines, self._lines = self._lines, []
            try:
                await self._write(b"".join(lines))
            except OSError:
                self._broken = True
                self._lines.clear()
                self._written(self._unwritten)
                return

    async def _write(self, data: bytes) -> None:
        with memoryview(data) as view:
            start = 0
            while start < len(view):
                count = await self._output.write(view[start : start + _WRITE_SIZE])
                start += count
                self._written(count)

    def _written(self, count: int) -> None:
        self._unwritten -= count
        self._waiting.unpark_all()  # each looks at the level again

    def close(self) -> None:
        """Give up the channels; the descriptors stay the caller's."""
        self._input.close()
        self._output.close()
