"""What an answer is and what is none: one table for our transport and for httpx's, in any chunking."""

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
import trio
from answers import BROKEN, GOOD, STRICT, Row
from hypothesis import given
from hypothesis import strategies as st
from raw_server import Handler, Peer, RawServer, raw_server

from continuum.backends.transport import Http1Transport, Transport, stock_transport
from continuum.backends.transport.message import ResponseReader
from continuum.errors import ConnectFailed, UpstreamProtocolError

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def ours() -> Transport:
    return Http1Transport(NO_TLS, keepalive=10, idle=60, connect_timeout=30)


def stock() -> Transport:
    return stock_transport(NO_TLS, keepalive=10, idle=60, connect_timeout=30, proxy=None, http2=False)


BOTH = pytest.mark.parametrize("make", [ours, stock])


@asynccontextmanager
async def meeting(make: Callable[[], Transport], handler: Handler) -> AsyncGenerator[tuple[Transport, RawServer]]:
    async with raw_server(handler) as server:
        transport = make()
        try:
            yield transport, server
        finally:
            await transport.aclose()
        await server.all_closed()


async def ask(transport: Transport, server: RawServer, method: str = "POST", body: bytes = b"{}") -> tuple[int, bytes]:
    """Status and whole body."""
    answer = await transport.send(server.origin, method, "/v1/x", [(b"x-key", b"k")], body)
    pieces: list[bytes] = []
    try:
        while piece := await answer.receive():
            pieces.append(piece)
    finally:
        await answer.aclose()
    return answer.status, b"".join(pieces)


def always(wire: bytes, *, end: bool) -> Handler:
    """A handler that gives this answer to each request, ending the connection after the first if told."""

    async def handle(peer: Peer) -> None:
        while await peer.request():
            await peer.send(wire)
            if end:
                return

    return handle


@BOTH
@pytest.mark.parametrize("name", GOOD)
async def test_is_understood(make: Callable[[], Transport], name: str) -> None:
    row = GOOD[name]
    async with meeting(make, always(row.wire, end=row.ends)) as (transport, server):
        for _ in range(3):
            assert await ask(transport, server, row.method, b"" if row.method == "HEAD" else b"{}") == (
                row.status,
                row.body,
            )
        assert server.accepted == (1 if row.kept else 3)


@BOTH
@pytest.mark.parametrize("name", BROKEN)
async def test_is_refused(make: Callable[[], Transport], name: str) -> None:
    async with meeting(make, always(BROKEN[name], end=True)) as (transport, server):
        with pytest.raises(UpstreamProtocolError):
            await ask(transport, server)
        assert server.accepted == 1


@pytest.mark.parametrize("name", STRICT)
async def test_ours_is_stricter(name: str) -> None:
    async with meeting(ours, always(STRICT[name], end=True)) as (transport, server):
        with pytest.raises(UpstreamProtocolError):
            await ask(transport, server)
        assert server.accepted == 1


@BOTH
async def test_a_repeated_header_is_one_list(make: Callable[[], Transport]) -> None:
    wire = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 0\r\nx-a: 2\r\n\r\n"
    async with meeting(make, always(wire, end=False)) as (transport, server):
        answer = await transport.send(server.origin, "GET", "/", [], b"")
        assert answer.headers["x-a"] == "1, 2"
        await answer.aclose()


@BOTH
async def test_what_is_sent(make: Callable[[], Transport]) -> None:
    heads: list[bytes] = []

    async def handle(peer: Peer) -> None:
        while head := await peer.request():
            heads.append(head.lower())
            await peer.send(GOOD["a length"].wire)

    async with meeting(make, handle) as (transport, server):
        await ask(transport, server)
        await ask(transport, server, "GET", b"")
    for head, first in zip(heads, (b"post /v1/x http/1.1", b"get /v1/x http/1.1"), strict=True):
        lines = head.split(b"\r\n")
        assert lines[0] == first
        assert f"host: {server.origin.authority}".encode() in lines
        assert b"x-key: k" in lines
        assert (b"content-length: 2" in lines) == (first[:4] == b"post")


@BOTH
async def test_nobody_listens(make: Callable[[], Transport]) -> None:
    async with raw_server(always(b"", end=True)) as server:
        pass
    transport = make()
    with pytest.raises(ConnectFailed, match=r"^no connection to the backend: refused$") as caught:
        await ask(transport, server)
    assert caught.value.cause == "refused"
    await transport.aclose()


@given(
    rows=st.lists(st.sampled_from(list(GOOD.values())), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 400), max_size=30),
)
def test_neither_chunking_nor_what_came_before_matters(rows: list[Row], cuts: list[int]) -> None:
    """Sans-I/O, so that no socket joins the pieces again. The answers come over one connection while it is kept."""
    reader = ResponseReader()
    for row in rows:
        reader = reader.following(bodyless=row.method == "HEAD")
        assert not any((reader.started, reader.has_head, reader.ended))
        wire, body = row.wire, b""
        edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
        for start, stop in pairwise(edges):
            assert not reader.ended
            reader.feed(wire[start:stop])
            body += reader.take()
        if row.ends:
            assert not reader.ended
            reader.feed_eof()
        assert reader.has_head
        assert reader.ended
        assert (reader.status, body) == (row.status, row.body)
        if row.method != "HEAD":  # cut within its last line end it is not trusted again: allowed, if wasteful
            assert reader.reusable is (row.kept and not row.ends)
        if not reader.reusable:
            break


async def test_a_large_answer_and_a_large_request() -> None:
    size = 4_000_000

    async def handle(peer: Peer) -> None:
        while await peer.request():
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + bytes(size))

    async with meeting(ours, handle) as (transport, server):
        for _ in range(2):
            assert await ask(transport, server, body=bytes(size)) == (200, bytes(size))
        assert server.accepted == 1


@pytest.mark.parametrize("end", [True, False])
async def test_an_early_refusal_is_heard(end: bool) -> None:  # noqa: FBT001 - pytest's parameter
    """A server may refuse before it has read the request, and then close or read no further."""
    refusal = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig"

    async def handle(peer: Peer) -> None:
        await peer.request(body=False)
        await peer.send(refusal)
        if not end:
            await trio.sleep_forever()

    async with raw_server(handle) as server:
        transport = ours()
        assert await ask(transport, server, body=bytes(30_000_000)) == (413, b"big")
        assert await ask(transport, server, body=bytes(30_000_000)) == (413, b"big")
        assert server.accepted == 2
        await transport.aclose()


async def test_an_early_start_is_no_refusal() -> None:
    async def handle(peer: Peer) -> None:
        await peer.request(body=False)
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
        received = 0
        while received < 20_000_000:
            received += len(await peer.stream.receive_some(2**18))
        await peer.send(b"ok")
        await peer.until_left()

    async with meeting(ours, handle) as (transport, server):
        assert await ask(transport, server, body=bytes(21_000_000)) == (200, b"ok")


async def test_a_server_that_leaves_while_we_send() -> None:
    async def handle(peer: Peer) -> None:
        await peer.request(body=False)
        peer.reset()

    async with meeting(ours, handle) as (transport, server):
        with pytest.raises(UpstreamProtocolError):
            await ask(transport, server, body=bytes(30_000_000))
        assert server.accepted == 1
