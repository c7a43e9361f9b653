"""HTTP/1.1 as bytes: a request written, an answer read in any chunking. Sans-I/O, on httptools' parser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httptools

from continuum.errors import UpstreamProtocolError

if TYPE_CHECKING:
    from continuum.backends.transport.port import Origin
    from continuum.providers import Headers

__all__ = ["ResponseReader", "write_request"]

_MAX_HEAD = 64 * 1024
_NO_HTTP = "the backend does not speak HTTP"
_BROKE_OFF = "the backend's answer broke off"


def write_request(origin: Origin, method: str, path: str, headers: Headers, content: bytes) -> bytes:
    """Head and body in one piece, so that they leave in one write."""
    lines = [f"{method} {path} HTTP/1.1\r\nhost: {origin.authority}\r\ncontent-length: {len(content)}\r\n".encode()]
    lines += [b"%b: %b\r\n" % header for header in headers]
    lines += (b"\r\n", content)
    return b"".join(lines)


class ResponseReader:
    """One answer. started: some of it has come. has_head: status and headers are set. ended: all of it is here.
    reusable: the connection may carry another request afterwards.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._head_size = 0
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
        if not self.has_head:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if not self.ended:
                raise UpstreamProtocolError(_BROKE_OFF if self.has_head else _NO_HTTP) from None
            self._surplus = True  # whatever follows a complete answer is nobody's
        except httptools.HttpParserUpgrade:
            raise UpstreamProtocolError(_NO_HTTP) from None
        if not self.has_head and self._head_size > _MAX_HEAD:
            raise UpstreamProtocolError("the backend's answer has too large a head")

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
        pieces, self._pieces = self._pieces, []
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
        """Called for each header and trailer."""
        if not self.ended and not self.has_head:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Called at the blank line."""
        if self.ended:
            return
        status = self._parser.get_status_code()
        if status < 200:  # interim: the answer is still to come
            self.headers = {}
            return
        self.status = status
        self.has_head = True
        self._framed = "content-length" in self.headers or "transfer-encoding" in self.headers or status in (204, 304)

    def on_body(self, body: bytes) -> None:
        """Called for each piece of the body."""
        if not self.ended:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        """Called at the body's end."""
        if self.has_head and not self.ended:
            self.ended = True
            self._keep_alive = self._parser.should_keep_alive()  # the parser forgets it with the next byte
