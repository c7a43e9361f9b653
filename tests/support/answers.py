"""Answers as bytes and what a client must make of them; one table for every transport."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """head and rest: the bytes. body: what arrives. ends: whether the connection's end is the body's end.
    kept: whether the connection can be used again.
    """

    head: bytes
    rest: bytes = b""
    body: bytes = b""
    status: int = 200
    method: str = "POST"
    ends: bool = False
    kept: bool = True

    @property
    def wire(self) -> bytes:
        return self.head + self.rest


def _head(*lines: str, status: str = "200 OK", version: str = "1.1") -> bytes:
    return "\r\n".join([f"HTTP/{version} {status}", *lines, "", ""]).encode()


_CHUNKED = _head("Transfer-Encoding: chunked")

GOOD: dict[str, Row] = {
    "a length": Row(_head("Content-Length: 5"), b"hello", b"hello"),
    "an empty body": Row(_head("content-length: 0")),
    "chunks": Row(_CHUNKED, b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello"),
    "chunks with extensions and trailers": Row(
        _CHUNKED, b'1;a="b"\r\nh\r\n4\r\nello\r\n0\r\nX-Sum: 1\r\n\r\n', b"hello"
    ),
    "the connection's end": Row(_head("content-type: text/plain"), b"hello", b"hello", ends=True, kept=False),
    "the end, of HTTP/1.0": Row(_head(version="1.0"), b"hello", b"hello", ends=True, kept=False),
    "HTTP/1.0 with a length": Row(_head("content-length: 5", version="1.0"), b"hello", b"hello", kept=False),
    "connection: close": Row(_head("connection: close", "content-length: 5"), b"hello", b"hello", kept=False),
    "204": Row(_head(status="204 No Content"), status=204),
    "304 with a length": Row(_head("content-length: 5", status="304 Not Modified"), status=304),
    "HEAD with a length": Row(_head("content-length: 5"), method="HEAD"),
    "HEAD with chunks": Row(_CHUNKED, method="HEAD"),
    "interim answers": Row(
        _head(status="100 Continue") + _head("link: </x>", status="103 Early Hints") + _head("content-length: 5"),
        b"hello",
        b"hello",
    ),
    "an error": Row(_head("content-length: 5", status="503 Service Unavailable"), b"sorry", b"sorry", status=503),
    "a status of one's own": Row(_head("content-length: 0", status="529 Overloaded"), status=529),
    "no reason": Row(_head("content-length: 5", status="200"), b"hello", b"hello"),
}
"""Every client agrees on these."""

BROKEN: dict[str, bytes] = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "only interim answers": _head(status="100 Continue"),
    "half a body": _head("content-length: 9") + b"hello",
    "half a chunk": _CHUNKED + b"9\r\nhello",
    "no last chunk": _CHUNKED + b"5\r\nhello\r\n",
    "a chunk of no size": _CHUNKED + b"xyz\r\nhello\r\n",
    "two lengths": _head("content-length: 5", "content-length: 6") + b"hello!",
    "no number as length": _head("content-length: five") + b"hello",
    "a name with a space": _head("content length: 5") + b"hello",
}
"""Nor is any of these an answer to anybody; the connection ends after it."""

STRICT: dict[str, bytes] = {
    "length and chunks": _head("content-length: 5", "transfer-encoding: chunked") + b"0\r\n\r\n",
    "a coding that was not asked for": _head("transfer-encoding: gzip") + b"hello",
    "a folded header": b"HTTP/1.1 200 OK\r\na: b\r\n c\r\ncontent-length: 5\r\n\r\nhello",
    "a status below 100": _head("content-length: 0", status="099 What"),
    "other protocols": _head("connection: upgrade", "upgrade: x", status="101 Switching Protocols"),
    "a large head": _head("a: " + "b" * 200_000, "content-length: 0"),
    "many interim answers": _head(status="100 Continue") * 10_000 + _head("content-length: 0"),
    "endless trailers": _CHUNKED + b"1\r\nx\r\n0\r\n" + b"a: b\r\n" * 40_000,
    "a chunk's endless extension": _CHUNKED + b"1;" + b"a" * 200_000,
}
"""Ours refuses these too."""
