"""Server-sent events out of bytes in any chunking, and back. Sans-I/O: nothing here waits or knows a vendor."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from continuum.errors import UpstreamProtocolError

__all__ = ["MAX_LINE", "SSEParser", "ServerSent", "all_server_sent", "server_sent"]

MAX_LINE = 8 * 1024 * 1024
"""Bytes one event may hold before the stream counts as broken."""

_TOO_LONG = "the backend sent an event that is too long"
_BOM = b"\xef\xbb\xbf"


class ServerSent(msgspec.Struct, frozen=True, gc=False):
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
        pending = self._pieces or self._skip_lf or self._head
        if not pending and len(data) <= self._max_line and (payloads := _plain_events(data)) is not None:
            self._head = None
            return [ServerSent(payload) for payload in payloads if payload]
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
        text = b"".join((*self._pieces, data)) if self._pieces else data
        blocks = text.split(b"\n\n")
        rest = blocks.pop()
        if len(text) > self._max_line and any(len(block) > self._max_line for block in blocks):
            raise UpstreamProtocolError(_TOO_LONG)
        self._pieces, self._size, self._last = [], 0, b"\n"
        if rest:
            self._keep(rest)
        return [ServerSent(payload, name) for payload, name in map(_read, blocks) if payload]

    def close(self) -> list[ServerSent]:
        """The stream has ended: an event whose closing blank line never came still counts."""
        payload, name = _read(b"".join(self._pieces))
        self._pieces, self._size = [], 0
        return [ServerSent(payload, name)] if payload else []

    def _keep(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        self._last = data[-1:]
        if self._size > self._max_line:
            self._pieces.clear()  # a fault is remembered longer than its bytes should be
            raise UpstreamProtocolError(_TOO_LONG)

    def _strip_bom(self, data: bytes) -> bytes:
        head = (self._head or b"") + data
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._head = head
            return b""
        self._head = None
        return head.removeprefix(_BOM)


def _plain_events(text: bytes) -> list[bytes] | None:
    """The data of events that are whole and of one line each, as nearly all that come are; None for any other text."""
    if not (text.startswith(b"data: ") and text.endswith(b"\n\n")) or b"\r" in text:
        return None
    payloads = text[6:-2].split(b"\n\ndata: ")
    return payloads if text.count(b"\n") == 2 * len(payloads) else None


def _read(block: bytes) -> tuple[bytes, str]:
    """An event's data and its name."""
    if block.startswith(b"data:") and b"\n" not in block:
        return (block[6:] if block[5:6] == b" " else block[5:]), ""
    return _read_fields(block)


def _read_fields(block: bytes) -> tuple[bytes, str]:
    name, data = "", list[bytes]()
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ").decode("utf-8", "replace")
    return b"\n".join(data), name


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
