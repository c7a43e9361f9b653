"""HTTP/1.1 as bytes: a request's head written, an answer read in any chunking. Sans-I/O, on httptools' parser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httptools

from continuum.errors import UpstreamProtocolError

if TYPE_CHECKING:
    from continuum.backends.transport.port import Origin
    from continuum.providers import Headers

__all__ = ["ResponseReader", "write_head"]

_MAX_HEAD = 64 * 1024
"""Bytes a head may have, interim answers included; and those that may pass without any body among them."""

_NO_HTTP = "the backend does not speak HTTP"
_BROKE_OFF = "the backend's answer broke off"
_END_OF_HEAD = b"\r\n\r\n"


def write_head(origin: Origin, method: str, path: str, headers: Headers, length: int) -> bytes:
    """A request's head. length: of the body."""
    size = f"content-length: {length}\r\n" if length or method not in ("GET", "HEAD") else ""
    lines = [f"{method} {path} HTTP/1.1\r\nhost: {origin.authority}\r\n{size}".encode()]
    lines += [b"%b: %b\r\n" % header for header in headers]
    lines.append(b"\r\n")
    return b"".join(lines)


class ResponseReader:
    """One answer, then perhaps the next of its connection. started: some of it has come. has_head: status and headers
    are set. ended: all of it is here. bodyless: it ends with its head, whatever that says (the request was HEAD).
    """

    __slots__ = (
        "_bodyless",
        "_framed",
        "_keep_alive",
        "_parser",
        "_pieces",
        "_surplus",
        "_unfruitful",
        "ended",
        "has_head",
        "headers",
        "started",
        "status",
    )

    def __init__(self, *, bodyless: bool = False) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._bodyless = bodyless
        self._begin()

    def following(self, *, bodyless: bool = False) -> ResponseReader:
        """The reader of the same connection's next answer: this one again where it can be, since its parser costs more
        to make than to use. Only while nothing has come, or where it is `reusable`.
        """
        if bodyless or self._bodyless:  # the parser waits for the body that a head promises
            return ResponseReader(bodyless=bodyless)
        self._begin()
        return self

    def _begin(self) -> None:
        self._pieces: list[bytes] = []
        self._unfruitful = 0
        self._framed = False
        self._surplus = False
        self._keep_alive = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.started = False
        self.has_head = False
        self.ended = False

    def feed(self, data: bytes) -> None:
        """Take what was received. Raises UpstreamProtocolError."""
        self.started = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if not self.ended:
                raise UpstreamProtocolError(_BROKE_OFF if self.has_head else _NO_HTTP) from None
            self._surplus = True  # whatever follows a complete answer is nobody's
        except httptools.HttpParserUpgrade:
            raise UpstreamProtocolError(_NO_HTTP) from None
        if self._bodyless and self.ended and not data.endswith(_END_OF_HEAD):
            self._surplus = True
        if not self._pieces and not self.ended:
            self._unfruitful += len(data)
            if self._unfruitful > _MAX_HEAD:
                raise UpstreamProtocolError("the backend's answer has too large a head")
        elif self._pieces:
            self._unfruitful = 0

    def feed_eof(self) -> None:
        """The connection has ended. Raises UpstreamProtocolError when the answer has not."""
        if self.ended:
            return
        if not self.has_head or self._framed:
            raise UpstreamProtocolError(_BROKE_OFF)
        self.ended = True  # an answer without a length ends with its connection
        self._surplus = True

    def take(self) -> bytes:
        """The body's bytes that came since the last time."""
        pieces = self._pieces
        if not pieces:
            return b""
        self._pieces = []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    @property
    def reusable(self) -> bool:
        """May the connection carry another request?"""
        return self.ended and not self._surplus and self._keep_alive

    # httptools' callbacks

    def on_message_begin(self) -> None:
        """Called at each status line."""
        if self.ended:
            self._surplus = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called for each header and trailer; a repeated header is one list."""
        if self.has_head:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        known = self.headers.get(key)
        self.headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        """Called at the blank line."""
        if self.ended:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200:  # interim: the answer is still to come
            self.headers = {}
            return
        coding = self.headers.get("transfer-encoding", "").lower()
        if status < 200 or coding not in ("", "chunked", "identity"):
            raise UpstreamProtocolError(_NO_HTTP)
        self.status = status
        self.has_head = True
        self._framed = coding == "chunked" or "content-length" in self.headers or status in (204, 304)
        if self._bodyless:
            self._end()

    def on_body(self, body: bytes) -> None:
        """Called for each piece of the body."""
        if self.ended:
            self._surplus = True
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        """Called at the body's end."""
        if self.has_head and not self.ended:
            self._end()

    def _end(self) -> None:
        self.ended = True
        self._keep_alive = self._parser.should_keep_alive()  # the parser forgets it with the next byte
