"""The edge's reader of requests: what it refuses, and that it reads the same whatever the cuts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.errors import CallerError
from continuum.http.edge.request import RequestReader

HOST = b"host: a\r\n"


@dataclass(frozen=True)
class Read:
    method: str
    target: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes
    keep_alive: bool


def read(pieces: list[bytes]) -> list[Read | int]:
    """Every request of a connection; the status of the refusal that ends it."""
    reader, found = RequestReader(), list[Read | int]()
    request, body = None, b""
    try:
        for piece in pieces:
            reader.feed(piece)
            while True:
                if request is None and (request := reader.head()) is None:
                    break
                body += reader.take()
                if not reader.ended:
                    break
                found.append(Read(request.method, request.target, tuple(request.fields), body, request.keep_alive))
                request, body = None, b""
    except CallerError as fault:
        found.append(fault.http_status)
    return found


def cuts(data: bytes) -> list[list[bytes]]:
    halves = [[data[:at], data[at:]] for at in range(1, len(data))]
    return [[data], [data[at : at + 1] for at in range(len(data))], *halves]


def get(*lines: bytes, target: bytes = b"/", version: bytes = b"1.1", body: bytes = b"") -> bytes:
    return b"GET %b HTTP/%b\r\n" % (target, version) + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


CHUNKED = (b"host: a", b"transfer-encoding: chunked")

REFUSED: dict[str, tuple[bytes, int]] = {
    "length and coding": (get(b"host: a", b"content-length: 3", b"transfer-encoding: chunked"), 400),
    "two lengths": (get(b"host: a", b"content-length: 3", b"content-length: 4"), 400),
    "the same length twice": (get(b"host: a", b"content-length: 3", b"content-length: 3"), 400),
    "a list of lengths": (get(b"host: a", b"content-length: 3, 3"), 400),
    "a signed length": (get(b"host: a", b"content-length: +3"), 400),
    "a negative length": (get(b"host: a", b"content-length: -3"), 400),
    "a hexadecimal length": (get(b"host: a", b"content-length: 0x3"), 400),
    "a length with an underscore": (get(b"host: a", b"content-length: 1_0"), 400),
    "a huge length": (get(b"host: a", b"content-length: " + b"9" * 30), 400),
    "an empty length": (get(b"host: a", b"content-length:"), 400),
    "chunked twice": (get(b"host: a", b"transfer-encoding: chunked, chunked"), 400),
    "two codings fields": (get(b"host: a", b"transfer-encoding: chunked", b"transfer-encoding: chunked"), 400),
    "an odd coding": (get(b"host: a", b"transfer-encoding: chunked;q=1"), 400),
    "an empty coding": (get(b"host: a", b"transfer-encoding:"), 400),
    "a coding with a tab": (get(b"host: a", b"transfer-encoding: \x0bchunked"), 400),
    "a coding in HTTP/1.0": (get(b"host: a", b"transfer-encoding: chunked", version=b"1.0"), 400),
    "another coding": (get(b"host: a", b"transfer-encoding: gzip, chunked"), 501),
    "identity": (get(b"host: a", b"transfer-encoding: identity"), 501),
    "a folded line": (get(b"host: a", b"x: 1", b" 2"), 400),
    "a folded first line": (get(b" host: a"), 400),
    "a space before the colon": (get(b"host : a"), 400),
    "no colon": (get(b"host: a", b"x"), 400),
    "an empty name": (get(b"host: a", b": x"), 400),
    "a bad name": (get(b"host: a", b"x(y): 1"), 400),
    "a NUL in a value": (get(b"host: a", b"x: \x00"), 400),
    "a bare CR": (get(b"host: a", b"x: 1\rcontent-length: 3"), 400),
    "a bare LF": (b"GET / HTTP/1.1\r\nhost: a\nx: 1\r\n\r\n", 400),
    "bare LFs": (b"GET / HTTP/1.1\nhost: a\n\n", 400),
    "no host": (get(b"x: 1"), 400),
    "no fields": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (get(b"host: a", b"host: a"), 400),
    "two hosts in HTTP/1.0": (get(b"host: a", b"host: b", version=b"1.0"), 400),
    "a host that is none": (get(b"host: a/b"), 400),
    "a host with a user": (get(b"host: a@b"), 400),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "TRACE": (b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "a lower-case method": (b"get / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "HTTP/0.9": (b"GET /\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/1.2": (get(b"host: a", version=b"1.2"), 505),
    "two spaces": (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a space in the target": (get(b"host: a", target=b"/a b"), 400),
    "a control byte in the target": (get(b"host: a", target=b"/\x7f"), 400),
    "an absolute target": (get(b"host: a", target=b"http://a/"), 400),
    "a target without a slash": (get(b"host: a", target=b"x"), 400),
    "a star for GET": (get(b"host: a", target=b"*"), 400),
    "another expectation": (get(b"host: a", b"expect: 200-ok"), 417),
    "a chunk without a size": (get(*CHUNKED, body=b"\r\n"), 400),
    "a negative chunk": (get(*CHUNKED, body=b"-1\r\n"), 400),
    "a prefixed chunk": (get(*CHUNKED, body=b"0x1\r\n"), 400),
    "a huge chunk": (get(*CHUNKED, body=b"f" * 17 + b"\r\n"), 400),
    "a chunk size with a space": (get(*CHUNKED, body=b"1 \r\na\r\n"), 400),
    "a chunk that is longer": (get(*CHUNKED, body=b"1\r\nab\r\n"), 400),
    "a chunk with a bare LF": (get(*CHUNKED, body=b"1\na\n"), 400),
    "an endless extension": (get(*CHUNKED, body=b"1;" + b"x" * 200), 400),
    "a bad trailer": (get(*CHUNKED, body=b"0\r\nx : 1\r\n\r\n"), 400),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_is_refused_at_every_cut_alike(name: str) -> None:
    data, status = REFUSED[name]
    for pieces in cuts(data):
        assert read(pieces) == [status], pieces


LARGE = b"x" * 70_000
LIMITS: dict[str, tuple[bytes, int]] = {
    "a long target": (get(b"host: a", target=b"/" + b"q" * 8192), 414),
    "an endless line": (b"GET /" + b"q" * 9000, 414),
    "a large head": (get(b"host: a", b"x: " + LARGE), 431),
    "an endless field": (b"GET / HTTP/1.1\r\nx: " + LARGE, 431),
    "many fields": (get(b"host: a", *[b"x: 1"] * 100), 431),
    "a large trailer": (get(*CHUNKED, body=b"0\r\nx: " + LARGE), 400),
}


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("step", [100_000, 1000, 7])
def test_limits_hold_at_any_pace(name: str, step: int) -> None:
    data, status = LIMITS[name]
    assert read([data[at : at + step] for at in range(0, len(data), step)]) == [status]


TOKENS = st.sampled_from([b"x", b"X-Y", b"accept", b"cookie", b"x~1"])
VALUES = st.binary(max_size=12).map(lambda raw: bytes(byte for byte in raw if byte > 31 and byte != 127).strip())


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, Read]:
    """A request as bytes, and as it is to be read."""
    fields = [(b"host", b"a.example:80"), *draw(st.lists(st.tuples(TOKENS, VALUES), max_size=4))]
    body = draw(st.binary(max_size=40))
    framing = draw(st.sampled_from(["none", "length", "chunks"]))
    sent = body
    if framing == "length":
        fields.append((b"Content-Length", b"%d" % len(body)))
    elif framing == "chunks":
        fields.append((b"transfer-encoding", b"Chunked"))
        size = draw(st.integers(1, 20))
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        extension, trailer = draw(st.sampled_from([b"", b";a=b"])), draw(st.sampled_from([b"", b"x: y\r\n"]))
        sent = b"".join(b"%X%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
        sent += b"0\r\n" + trailer + b"\r\n"
    else:
        body = sent = b""
    if closes := draw(st.booleans()):
        fields.append((b"connection", b"TE, Close"))
    method, target = draw(st.sampled_from(["GET", "POST", "DELETE"])), draw(st.sampled_from([b"/", b"/a?b=c", b"/%2e"]))
    head = b"%b %b HTTP/1.1\r\n" % (method.encode(), target)
    lines = b"".join(
        b"%b:%b%b\r\n" % (name, draw(st.sampled_from([b"", b" ", b" \t"])), value) for name, value in fields
    )
    known = tuple((name.lower(), value) for name, value in fields)
    return head + lines + b"\r\n" + sent, Read(method, target, known, body, not closes)


def pieces_of(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(requests(), min_size=1, max_size=4), st.lists(st.integers(0, 2000), max_size=12))
def test_pipelined_requests_are_read_whatever_the_cuts(made: list[tuple[bytes, Read]], at: list[int]) -> None:
    data = b"".join(raw for raw, _ in made)
    assert read(pieces_of(data, at)) == [expected for _, expected in made]


def lowered(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    return name, value.lower() if name == b"transfer-encoding" else value  # as h11 gives it


@given(requests(), st.integers(0, 400), st.sampled_from([b"\n", b"\r", b"\0", b" ", b":", b",", b"0", b"\r\n"]))
def test_what_is_read_after_all_another_reader_reads_alike(
    made: tuple[bytes, Read], place: int, planted: bytes
) -> None:
    """One byte planted anywhere: refused, or understood as h11 understands it."""
    whole = made[0]
    at = place % (len(whole) + 1)
    raw = whole[:at] + planted + whole[at:]
    found = read([raw])
    if not found or isinstance(found[0], int):
        return
    ours = found[0]
    other = h11.Connection(h11.SERVER)
    other.receive_data(raw.removeprefix(b"\r\n"))  # an empty line before a request is none of it (RFC 9112, 2.2)
    body = b""
    while not isinstance(event := other.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Request):
            assert (event.method, event.target) == (ours.method.encode(), ours.target)
            assert [tuple(field) for field in event.headers] == [lowered(*field) for field in ours.fields]
        else:
            assert isinstance(event, h11.Data)
            body += bytes(event.data)
    assert body == ours.body
