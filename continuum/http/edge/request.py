"""HTTP/1.1 as bytes: requests read in any chunking, and refused where two readers might read them differently.

Sans-I/O. What is not plainly well-formed is refused rather than mended: a proxy in front may have read it otherwise.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from continuum.errors import (
    ExpectationFailed,
    HeadTooLarge,
    InvalidRequest,
    NotImplementedHere,
    TargetTooLong,
    VersionNotSupported,
)
from continuum.http.edge.body import ChunkedBody, PlainBody
from continuum.http.edge.fields import read_fields
from continuum.http.head import MAX_FIELDS, MAX_HEAD, MAX_TARGET

if TYPE_CHECKING:
    from continuum.http.edge.fields import Fields

__all__ = ["Request", "RequestReader"]

_LINE_END = b"\r\n"
_HEAD_END = b"\r\n\r\n"

_MAX_LINE = MAX_TARGET + 64
"""Bytes of a request line: its target, and room for method and version."""

_METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/([0-9])\.([0-9])")
_HOST = re.compile(rb"[A-Za-z0-9.\-_~%:\[\]]*")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CODINGS = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*,[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*")
_BARE_LF = re.compile(rb"(?:^|[^\r])\n")


class Request:
    """One request's head. fields: names in lower case, in order; headers: the same by name, the last of each.
    keep_alive: whether the client would send another request. expects: it waits for leave to send the body.
    """

    __slots__ = ("expects", "fields", "headers", "keep_alive", "method", "minor", "target")

    def __init__(self, method: str, target: bytes, minor: int, fields: Fields) -> None:
        self.method = method
        self.target = target
        self.minor = minor
        self.fields = fields
        self.headers = dict(fields)
        self.keep_alive = minor == 1
        self.expects = False


class RequestReader:
    """One connection's bytes. `feed` what comes; `head` gives a request once its head is here; then `take` gives its
    body until `ended`, and `head` the next one. Errors are of the tree: the connection cannot be used afterwards.

    begun: some of a head has come.
    """

    __slots__ = ("_body", "_buffer", "_from", "_line")

    def __init__(self) -> None:
        self._buffer = b""
        self._from = 0
        self._line: tuple[str, bytes, int] | None = None
        self._body: PlainBody | ChunkedBody | None = None

    @property
    def begun(self) -> bool:
        """Whether a head, or some of it, waits to be read."""
        return bool(self._buffer)

    @property
    def ended(self) -> bool:
        """Whether the last request's body has been taken whole."""
        return self._body is None

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        self._buffer = self._buffer + data if self._buffer else data

    def head(self) -> Request | None:
        """The next request, None until all of its head is here. Raises CallerError."""
        buffer = self._buffer
        if buffer[:2] == _LINE_END and self._line is None:  # one empty line too many after the last body
            buffer = self._buffer = buffer[2:]
        end = buffer.find(_HEAD_END, self._from)
        if end < 0:
            self._judge_beginning(buffer)
            return None
        line_end = buffer.find(_LINE_END)
        method, target, minor = self._line or _read_line(buffer[:line_end])
        if end > MAX_HEAD:
            raise _too_large()
        fields = read_fields(buffer[line_end + 2 : end]) if line_end < end else []
        if len(fields) > MAX_FIELDS:
            raise _too_large()
        request = Request(method, target, minor, fields)
        _judge_host(request)
        self._body = _framed(request)
        _read_connection(request)
        self._buffer = buffer[end + 4 :]
        self._from, self._line = 0, None
        return request

    def take(self) -> bytes:
        """What there is of the body, b"" while there is no more of it. Raises InvalidRequest."""
        if self._body is None:
            return b""
        piece, self._buffer = self._body.take(self._buffer)
        if self._body.ended:
            self._body = None
        return piece

    def _judge_beginning(self, buffer: bytes) -> None:
        """Refuse now what could not become a request: its client may be waiting for an answer."""
        if buffer[:1] < b"!" and buffer[:1] not in (b"", b"\r"):
            raise InvalidRequest("this is not HTTP")
        if self._line is None:
            line, end, _ = buffer[: _MAX_LINE + 2].partition(_LINE_END)
            if end:
                self._line = _read_line(line)
            elif len(line) > _MAX_LINE:
                raise _too_long()
        if len(buffer) > MAX_HEAD:
            raise _too_large()
        if _BARE_LF.search(buffer, max(self._from - 1, 0)):
            raise InvalidRequest("a line of the request's head does not end in CRLF")
        self._from = max(0, len(buffer) - 3)


def _read_line(line: bytes) -> tuple[str, bytes, int]:
    if len(line) > _MAX_LINE:
        raise _too_long()
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise InvalidRequest("the request's first line is not METHOD TARGET HTTP/1.1")
    method, target, major, minor = match.groups()
    if len(target) > MAX_TARGET:
        raise _too_long()
    if major != b"1" or minor not in b"01":
        raise VersionNotSupported("HTTP/1.1 is spoken here")
    if method not in _METHODS:
        raise NotImplementedHere("this method is not known here")
    if target[0] != 0x2F and (target, method) != (b"*", b"OPTIONS"):
        raise InvalidRequest("the request's target must begin with a slash")
    return method.decode(), target, int(minor)


def _times(request: Request, name: bytes) -> int:
    """How often a field comes. Nearly always no field comes twice."""
    if len(request.headers) == len(request.fields):
        return int(name in request.headers)
    return sum(each == name for each, _ in request.fields)


def _judge_host(request: Request) -> None:
    count = _times(request, b"host")
    if count != 1 and (count or request.minor):
        raise InvalidRequest("a request names its host once")
    if not _HOST.fullmatch(request.headers.get(b"host", b"")):
        raise InvalidRequest("the Host header is not a host")


def _framed(request: Request) -> PlainBody | ChunkedBody | None:
    """How the body is delimited: by one field that leaves no doubt, or not at all."""
    headers = request.headers
    coded, sized = b"transfer-encoding" in headers, b"content-length" in headers
    if not coded and not sized:
        return None
    name = b"transfer-encoding" if coded else b"content-length"
    if (coded and sized) or _times(request, name) != 1:
        raise InvalidRequest("the request says more than once how long its body is")
    value = headers[name]
    if sized:
        if not _LENGTH.fullmatch(value):
            raise InvalidRequest("the Content-Length header is not a length")
        return PlainBody(int(value)) if int(value) else None
    if value.lower() != b"chunked":
        if _CODINGS.fullmatch(value) and value.lower().count(b"chunked") < 2:
            raise NotImplementedHere("of the transfer codings only chunked is known here")
        raise InvalidRequest("the Transfer-Encoding header is not well-formed")
    if not request.minor:
        raise InvalidRequest("HTTP/1.0 has no transfer codings")
    return ChunkedBody()


def _read_connection(request: Request) -> None:
    headers = request.headers
    if b"connection" in headers:
        said = b",".join(value for name, value in request.fields if name == b"connection").lower()
        options = {option.strip() for option in said.split(b",")}
        request.keep_alive = b"close" not in options and (request.keep_alive or b"keep-alive" in options)
    if b"expect" in headers:
        if headers[b"expect"].lower() != b"100-continue":
            raise ExpectationFailed("the only expectation met here is 100-continue")
        request.expects = request.minor == 1


def _too_long() -> TargetTooLong:
    return TargetTooLong(f"the request's target is over {MAX_TARGET} bytes")


def _too_large() -> HeadTooLarge:
    return HeadTooLarge(f"the request's head is over {MAX_FIELDS} fields or {MAX_HEAD} bytes")
