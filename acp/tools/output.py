"""What is kept of a command's output: its head and its tail, however much there is. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["KEPT", "BoundedOutput"]

KEPT: Final = 1024 * 1024
"""Bytes of one command's output."""

_BEFORE: Final = "[... {} bytes before ...]\n"
_MARK: Final = "\n[... truncated: {} bytes left out ...]\n"


class BoundedOutput:
    """Takes bytes without end, holds `limit` of them and a little more."""

    def __init__(self, limit: int = KEPT) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._left_out = 0

    @property
    def size(self) -> int:
        """Bytes taken so far, kept or not."""
        return len(self._head) + self._left_out + self._tail_size

    def last(self, count: int) -> str:
        """The end of it: at most so many bytes, and a mark in place of what came before."""
        recent: list[bytes] = []
        wanted = min(count, self._half)
        for piece in (*reversed(self._tail), bytes(self._head)):
            if wanted <= 0:
                break
            recent.append(piece[-wanted:])
            wanted -= len(piece)
        end = b"".join(reversed(recent))
        before = self.size - len(end)
        return (_BEFORE.format(before) if before else "") + end.decode("utf-8", "replace")

    @property
    def truncated(self) -> bool:
        """Whether something is left out."""
        return self._left_out > 0 or self._tail_size > self._half

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        room = self._half - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if not data:
            return
        self._tail.append(data)
        self._tail_size += len(data)
        while self._tail_size - len(self._tail[0]) >= self._half:
            gone = len(self._tail.popleft())
            self._tail_size -= gone
            self._left_out += gone

    @property
    def text(self) -> str:
        """What was kept, with a mark where something is missing. For showing: bytes that are not UTF-8 are replaced."""
        tail = b"".join(self._tail)
        over = max(0, len(tail) - self._half)
        missing = self._left_out + over
        if not missing:
            return (bytes(self._head) + tail).decode("utf-8", "replace")
        mark = _MARK.format(missing)
        return self._head.decode("utf-8", "replace") + mark + tail[over:].decode("utf-8", "replace")
