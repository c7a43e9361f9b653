"""A request's body out of the bytes of its connection: what is its own, and what is left for the next request."""

from __future__ import annotations

import re

from continuum.errors import InvalidRequest
from continuum.http.edge.fields import read_fields

__all__ = ["ChunkedBody", "PlainBody"]

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t -~\x80-\xff]*)?")
_MAX_SIZE_LINE = 128
"""Bytes: extensions mean nothing to anybody, and must not make a body cost many times its size."""
_MAX_TRAILER = 8 * 1024


class PlainBody:
    """A body of known length. ended: all of it was taken."""

    __slots__ = ("_left", "ended")

    def __init__(self, length: int) -> None:
        self._left = length
        self.ended = length == 0

    def take(self, buffer: bytes) -> tuple[bytes, bytes]:
        """What of these bytes belongs to the body, and what does not."""
        piece = buffer if len(buffer) <= self._left else buffer[: self._left]
        self._left -= len(piece)
        self.ended = self._left == 0
        return piece, buffer[len(piece) :]


class ChunkedBody:
    """A body in chunks. ended: all of it was taken, its trailer included."""

    __slots__ = ("_after_data", "_left", "_trailer", "ended")

    def __init__(self) -> None:
        self._left = 0
        self._after_data = False
        self._trailer = False
        self.ended = False

    def take(self, buffer: bytes) -> tuple[bytes, bytes]:
        """The content of these bytes, and those that are not the body's or not whole yet. Raises InvalidRequest."""
        pieces: list[bytes] = []
        at = 0
        while not self.ended:
            if self._left:
                piece = buffer[at : at + self._left]
                if not piece:
                    break
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                self._after_data = not self._left
                continue
            after = self._step(buffer, at)
            if after is None:
                break
            at = after
        return b"".join(pieces), buffer[at:]

    def _step(self, buffer: bytes, at: int) -> int | None:
        """Read one line of framing; where it ends, None while it is not whole."""
        if self._after_data:
            end = buffer[at : at + 2]
            if not b"\r\n".startswith(end):
                raise InvalidRequest("a chunk of the body is longer than it says")
            self._after_data = len(end) < 2
            return at + 2 if len(end) == 2 else None
        return self._end(buffer, at) if self._trailer else self._size(buffer, at)

    def _size(self, buffer: bytes, at: int) -> int | None:
        end = buffer.find(b"\r\n", at, at + _MAX_SIZE_LINE)
        if end < 0:
            if len(buffer) - at >= _MAX_SIZE_LINE or b"\n" in buffer[at:]:
                raise _no_size()
            return None
        match = _SIZE_LINE.fullmatch(buffer, at, end)
        if match is None:
            raise _no_size()
        self._left = int(match[1], 16)
        self._trailer = not self._left
        return end + 2

    def _end(self, buffer: bytes, at: int) -> int | None:
        if buffer.startswith(b"\r\n", at):
            self.ended = True
            return at + 2
        end = buffer.find(b"\r\n\r\n", at, at + _MAX_TRAILER)
        if end < 0:
            if len(buffer) - at >= _MAX_TRAILER:
                raise InvalidRequest("the body's trailer is too large")
            return None
        read_fields(buffer[at:end])  # judged, and of no use to anybody here
        self.ended = True
        return end + 4


def _no_size() -> InvalidRequest:
    return InvalidRequest("a chunk of the body does not begin with its size")
