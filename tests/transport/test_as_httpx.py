"""A stock `httpx.AsyncClient` over our transport."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
from patience import PATIENCE_S
from raw_server import Peer, raw_server

from continuum.backends.transport import Http1Transport, HttpxTransport

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"


@asynccontextmanager
async def client_over_ours(**options: float) -> AsyncGenerator[httpx.AsyncClient]:
    ours = Http1Transport(NO_TLS, keepalive=10, idle=60, connect_timeout=5)
    async with (
        trio.open_nursery() as nursery,
        httpx.AsyncClient(transport=HttpxTransport(ours), timeout=options.get("timeout", 30)) as client,
    ):
        nursery.start_soon(ours.run)
        yield client
        nursery.cancel_scope.cancel()


async def test_requests_answers_and_one_connection() -> None:
    seen: list[bytes] = []

    async def handle(peer: Peer) -> None:
        while request := await peer.request():
            seen.append(request)
            await peer.send(OK + b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")

    async with raw_server(handle) as server, client_over_ours() as client:
        base = server.origin.url
        answer = await client.post(f"{base}/a?b=c", json={"x": 1}, headers={"x-mine": "yes"})
        assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, "onetwo", "text/plain")
        async with client.stream("GET", f"{base}/s") as streamed:
            assert b"".join([piece async for piece in streamed.aiter_bytes()]) == b"onetwo"
    first = seen[0].lower()
    assert first.startswith(b"post /a?b=c http/1.1\r\n")
    assert b"x-mine: yes\r\n" in first
    assert first.count(b"host: ") == first.count(b"content-length: ") == 1
    assert server.accepted == 1


async def test_a_stream_that_is_left_takes_its_connection_along() -> None:
    left = trio.Event()

    async def handle(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"content-length: 100\r\n\r\nsome")
        assert not await peer.request()
        left.set()

    async with raw_server(handle) as server, client_over_ours() as client:
        async with client.stream("GET", server.origin.url) as streamed:
            assert streamed.status_code == 200
        with trio.fail_after(PATIENCE_S):
            await left.wait()


# what the server sends before it closes (None: it stays silent), what the client's caller sees
FAULTS: dict[str, tuple[bytes | None, type[httpx.TransportError]]] = {
    "no answer": (b"", httpx.RemoteProtocolError),
    "no HTTP": (b"nonsense\r\n\r\n", httpx.RemoteProtocolError),
    "broken off": (OK + b"content-length: 9\r\n\r\nabc", httpx.RemoteProtocolError),
    "silence": (None, httpx.ReadTimeout),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_faults_are_httpx_own(name: str) -> None:
    sent, fault = FAULTS[name]

    async def handle(peer: Peer) -> None:
        await peer.request()
        if sent is None:
            await peer.request()
        else:
            await peer.send(sent)

    async with raw_server(handle) as server, client_over_ours(timeout=0.2 if sent is None else 30) as client:
        with pytest.raises(fault):
            await client.get(server.origin.url)


async def test_nobody_there() -> None:
    async with client_over_ours() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://127.0.0.1:9")
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("ftp://127.0.0.1")
