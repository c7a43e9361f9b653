"""The heads of a client's HTTP/2 frames, read beside hypercorn, which tells nothing of those that are no request.
Sans-I/O.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["Frame", "FrameReader"]

_PREFACE: Final = 24
"""Bytes with which a client begins, before its first frame."""
_HEAD: Final = 9
"""Bytes of a frame's head: length (3), type, flags, stream (4). RFC 9113, 4.1."""
_STREAM: Final = 0x7FFFFFFF

_DATA: Final = 0x0
_WINDOW_UPDATE: Final = 0x8
_IDLE: Final = frozenset({0x2, 0x3, 0x4, 0x6, 0x9})
"""PRIORITY, RST_STREAM, SETTINGS, PING, CONTINUATION."""


class Frame(NamedTuple):
    """length: bytes of what follows the head. stream: 0 for the whole connection."""

    kind: int
    length: int
    stream: int

    @property
    def idle(self) -> bool:
        """Whether it brings no request any further: it costs its sender nothing, and us work."""
        return self.kind in _IDLE or (self.kind == _DATA and not self.length)

    @property
    def gives_room(self) -> bool:
        """Whether its sender takes more of an answer."""
        return self.kind == _WINDOW_UPDATE


class FrameReader:
    """One connection's, from its first byte."""

    __slots__ = ("_head", "_skip")

    def __init__(self) -> None:
        self._head = b""
        self._skip = _PREFACE

    def feed(self, data: bytes) -> list[Frame]:
        """Those whose heads end in these bytes."""
        found: list[Frame] = []
        at = 0
        while at < len(data):
            if self._skip:
                skipped = min(self._skip, len(data) - at)
                self._skip -= skipped
                at += skipped
                continue
            taken = data[at : at + _HEAD - len(self._head)]
            at += len(taken)
            self._head += taken
            if len(self._head) == _HEAD:
                head, self._head = self._head, b""
                self._skip = int.from_bytes(head[:3], "big")
                found.append(Frame(head[3], self._skip, int.from_bytes(head[5:], "big") & _STREAM))
        return found
