"""HTTP/1.1 as bytes, the other way: one answer's head and body as they stand on the wire. Sans-I/O."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from continuum.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CONTINUE", "AnswerWriter"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Leave to send the body."""

_LINES = {int(status): f"HTTP/1.1 {int(status)} {status.phrase}\r\n".encode() for status in HTTPStatus}
_CLOSE = b"connection: close\r\n"
_STAYS = b"connection: keep-alive\r\n"
_CHUNKED = b"transfer-encoding: chunked\r\n"
_BODYLESS = frozenset({204, 304})


class AnswerWriter:
    """The answer to one request. started: its head is known. ended: all of it was written. keep_alive: whether the
    connection can carry another request afterwards. minor: of the client's version. bodyless: it asked for the head.
    """

    __slots__ = ("_bodyless", "_chunked", "_head", "_minor", "_sized", "ended", "keep_alive", "started", "status")

    def __init__(self, *, keep_alive: bool, minor: int = 1, bodyless: bool = False) -> None:
        self.keep_alive = keep_alive
        self.started = False
        self.ended = False
        self.status = 0
        self._minor = minor
        self._bodyless = bodyless
        self._sized = False
        self._chunked = False
        self._head = b""

    def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Take the head; it leaves with the body's first bytes. Raises InternalError for one that cannot be written."""
        self.started = True
        self.status = status
        fields = list(headers)
        named = dict(fields)
        self._sized = b"content-length" in named
        if named.get(b"connection") == b"close":
            fields.remove((b"connection", b"close"))  # said once, at the end
            self.keep_alive = False
        lines = [_LINES[status], *[b"%b: %b\r\n" % field for field in fields]]
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise InternalError("a header of the answer holds a line break")
        self._bodyless = self._bodyless or status in _BODYLESS
        self._head = head

    def body(self, piece: bytes, *, more: bool) -> bytes:
        """The bytes that say this piece of the body, its end, or both."""
        self.ended = not more
        head = self._open(len(piece), more=more) if self._head else b""
        if self._bodyless:
            return head
        if not self._chunked:
            return head + piece
        chunk = b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
        return b"".join((head, chunk, b"" if more else b"0\r\n\r\n"))

    def _open(self, length: int, *, more: bool) -> bytes:
        """The head's last lines: how the body is delimited, and what becomes of the connection."""
        head, self._head = self._head, b""
        if not self._sized and self.status not in _BODYLESS:
            if not more and not self._bodyless:
                head += b"content-length: %d\r\n" % length
            elif self._minor:
                self._chunked = not self._bodyless
                head += _CHUNKED
            else:
                self.keep_alive = False  # the body ends with its connection
        if not self.keep_alive:
            head += _CLOSE
        elif not self._minor:
            head += _STAYS
        return head + b"\r\n"
