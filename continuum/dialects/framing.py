"""Server-sent events out of bytes in any chunking, and back. Sans-I/O: nothing here waits or knows a vendor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from continuum.errors import UpstreamProtocolError

__all__ = ["MAX_LINE", "SSEParser", "ServerSent", "all_server_sent", "server_sent"]

MAX_LINE = 8 * 1024 * 1024
"""Bytes one event may hold before the stream counts as broken."""

_BOM = b"\xef\xbb\xbf"


class ServerSent(NamedTuple):
    """One event: its data lines joined by a line feed, and its name ("" when none was given)."""

    data: bytes
    name: str = ""


class SSEParser:
    """Bytes in, whole events out. Takes CRLF, lone CR and LF, comments, id and retry, several data lines, a
    byte-order mark; skips events without data; raises UpstreamProtocolError for an event over `max_line` bytes.
    """

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self._max_line = max_line
        self._pieces: list[bytes] = []
        self._size = 0
        self._last = b"\n"
        self._skip_lf = False
        self._head: bytes | None = b""

    def feed(self, data: bytes) -> list[ServerSent]:
        """Take the next bytes; give the events they complete."""
        if self._head is not None:
            data = self._strip_bom(data)
        if self._skip_lf and data:
            self._skip_lf = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._skip_lf = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not data:
            return []
        # Only the new bytes are searched: a long event that comes in many pieces must not cost its square.
        if b"\n\n" not in data and not (data[0] == 0x0A and self._last == b"\n"):
            self._keep(data)
            return []
        blocks = (b"".join(self._pieces) + data).split(b"\n\n")
        rest = blocks.pop()
        self._pieces, self._size, self._last = [], 0, b"\n"
        if rest:
            self._keep(rest)
        return [event for block in blocks if (event := self._event(block)) is not None]

    def close(self) -> list[ServerSent]:
        """The stream has ended: an event whose closing blank line never came still counts."""
        block = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        event = self._event(block)
        return [] if event is None else [event]

    def _keep(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        self._last = data[-1:]
        if self._size > self._max_line:
            self._pieces.clear()  # a fault is remembered longer than its bytes should be
            raise UpstreamProtocolError("the backend sent an event that is too long")

    def _strip_bom(self, data: bytes) -> bytes:
        head = (self._head or b"") + data
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._head = head
            return b""
        self._head = None
        return head.removeprefix(_BOM)

    def _event(self, block: bytes) -> ServerSent | None:
        if len(block) > self._max_line:
            raise UpstreamProtocolError("the backend sent an event that is too long")
        name, payload = "", b""
        if block.startswith(b"data:") and b"\n" not in block:  # nearly all there are
            payload = block[6:] if block[5:6] == b" " else block[5:]
        else:
            name, payload = _read_fields(block)
        return ServerSent(payload, name) if payload else None


def _read_fields(block: bytes) -> tuple[str, bytes]:
    name, data = "", list[bytes]()
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ").decode("utf-8", "replace")
    return name, b"\n".join(data)


def server_sent(data: bytes, name: str = "") -> bytes:
    """One event as it stands on the wire; data of several lines stays one event."""
    if b"\n" in data:
        data = data.replace(b"\n", b"\ndata: ")
    head = f"event: {name}\ndata: ".encode() if name else b"data: "
    return head + data + b"\n\n"


def all_server_sent(payloads: Sequence[bytes]) -> bytes:
    """Several events without names, as they stand on the wire one after the other; nothing for none."""
    joined = b"\n\ndata: ".join(payloads)
    if joined.count(b"\n") != 2 * (len(payloads) - 1):  # some payload has lines
        return b"".join(map(server_sent, payloads))
    return b"data: " + joined + b"\n\n"
