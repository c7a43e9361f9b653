"""The edge over real sockets: pipelines, expectations, clients that are slow, do not read, or leave in crowds."""

from __future__ import annotations

import json
import random
import signal
from pathlib import Path

import pytest
import trio
from chat import CHAT, ask, asked, client_of
from patience import PATIENCE_S, promised
from proc import figures
from serving import Router, backend, config, open_router

from continuum.testing.upstream import Answer, Hang, Raw, Request, Stream, open_upstream

HEALTH = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
BODY = json.dumps(asked()).encode()
POST = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n".encode()
SIZED = POST + b"content-length: %d\r\n" % len(BODY)


async def connect(router: Router) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", int(router.url.rpartition(":")[2]))


async def until_closed(stream: trio.SocketStream) -> bytes:
    received = b""
    with trio.fail_after(PATIENCE_S):
        while piece := await stream.receive_some(2**16):
            received += piece
    return received


async def until(stream: trio.SocketStream, ending: bytes) -> bytes:
    received = b""
    with trio.fail_after(PATIENCE_S):
        while not received.endswith(ending):
            piece = await stream.receive_some(2**16)
            assert piece, f"closed after {received!r}"
            received += piece
    return received


async def test_what_was_sent_at_once_is_answered_in_order(router: Router) -> None:
    async with await connect(router) as stream:
        last = HEALTH.replace(b"\r\n\r\n", b"\r\nx-request-id: last\r\nconnection: close\r\n\r\n")
        await stream.send_all(HEALTH + SIZED + b"\r\n" + BODY + HEALTH + last)
        received = await until_closed(stream)
    assert received.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert received.index(b"chat.completion") > received.index(b'"status"')
    assert received.rindex(b"x-request-id: last") > received.index(b"chat.completion")
    assert received.count(b"connection: close") == 1


async def test_an_expecting_client_is_let_send(router: Router) -> None:
    async with await connect(router) as stream:
        await stream.send_all(SIZED + b"expect: 100-continue\r\n\r\n")
        assert await until(stream, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await stream.send_all(BODY)
        assert (await until(stream, b"}")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_body_in_chunks_and_one_byte_at_a_time(router: Router) -> None:
    chunked = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"
    async with await connect(router) as stream:
        for byte in POST + b"transfer-encoding: chunked\r\n\r\n" + chunked:
            await stream.send_all(bytes([byte]))
        assert (await until(stream, b"}")).startswith(b"HTTP/1.1 200 OK\r\n")
        await stream.send_all(HEALTH)
        assert (await until(stream, b"}\n")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_refused_body_that_is_here_costs_no_connection(router: Router) -> None:
    async with await connect(router) as stream:
        for _ in range(3):
            await stream.send_all((SIZED + b"\r\n" + BODY).replace(b"application/json", b"text/plain"))
            received = await until(stream, b"}")
            assert received.startswith(b"HTTP/1.1 415 ")
            assert b"connection: close" not in received


async def test_http_1_0_is_answered_and_closed(router: Router) -> None:
    async with await connect(router) as stream:
        await stream.send_all(b"GET /health HTTP/1.0\r\nhost: localhost\r\n\r\n")
        received = await until_closed(stream)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"chunked" not in received


# what is sent, the status it is refused with
REFUSED = {
    "two framings": (POST + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n", 400),
    "another coding": (POST + b"transfer-encoding: gzip\r\n\r\n", 501),
    "a bad chunk": (POST + b"transfer-encoding: chunked\r\n\r\nx\r\n", 400),
    "another expectation": (POST + b"expect: x\r\n\r\n", 417),
    "HTTP/2 without TLS": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_is_an_answer_and_the_end(router: Router, name: str) -> None:
    sent, status = REFUSED[name]
    async with await connect(router) as stream:
        await stream.send_all(sent)
        head, _, body = (await until_closed(stream)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    for line in (b"server: continuum", b"x-request-id: ", b"connection: close", b"content-type: application/json"):
        assert line in head
    assert json.loads(body)["error"]["message"]


async def test_slow_clients_are_let_go(tmp_path: Path) -> None:
    server = {"header_timeout": "1s", "body_timeout": "1s", "keep_alive_timeout": "1s"}
    async with open_router(tmp_path, config(server=server)) as router, trio.open_nursery() as nursery:

        async def expect(sent: bytes, answer: bytes) -> None:
            began = trio.current_time()
            async with await connect(router) as stream:
                await stream.send_all(sent)
                received = await until_closed(stream)
            assert received.startswith(answer) if answer else received == b""
            assert 0.5 < trio.current_time() - began < promised(1)

        async def drip(head: bytes) -> None:
            async with await connect(router) as stream:
                await stream.send_all(head)
                with trio.fail_after(PATIENCE_S):
                    while True:
                        try:
                            await stream.send_all(b"x")
                            with trio.move_on_after(0.2):
                                assert (await stream.receive_some(2**16)).startswith(b"HTTP/1.1 408 ")
                                return
                        except trio.BrokenResourceError:
                            return

        nursery.start_soon(expect, b"", b"")
        nursery.start_soon(expect, b"GET / HT", b"HTTP/1.1 408 ")
        nursery.start_soon(expect, HEALTH, b"HTTP/1.1 200 ")
        nursery.start_soon(expect, SIZED + b"\r\n{", b"HTTP/1.1 408 ")
        nursery.start_soon(drip, b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ")
        nursery.start_soon(drip, POST + b"content-length: 9999\r\n\r\n")
    assert "Traceback" not in router.stderr


async def test_a_client_that_does_not_read_stops_its_backend_and_not_the_end(tmp_path: Path) -> None:
    """The upstream has far more to say than fits anywhere; the router is told to stop."""
    words = ("x" * 60_000,) * 2000
    async with (
        open_upstream(Stream(words)) as upstream,
        open_router(tmp_path, config(backend(upstream.url), server={"shutdown_grace": "1s"})) as router,
        await connect(router) as stream,
    ):
        body = json.dumps(asked(stream=True)).encode()
        await stream.send_all(POST + b"content-length: %d\r\n\r\n" % len(body) + body)
        await upstream.next_call()
        assert (await stream.receive_some(100)).startswith(b"HTTP/1.1 200 OK\r\n")
        async with client_of(router.url) as client:
            upstream.push(Stream(("one",)))
            assert (await ask(client, asked(stream=True))).text == "one"
        assert _rss_mib(router) < 150
        router.signal(signal.SIGTERM)
        assert await router.exited() == 0
    assert "Traceback" not in router.stderr


CROWD, SLOTS = 2000, 64


async def test_of_crowds_that_leave_nothing_stays(tmp_path: Path) -> None:
    """Clients that leave at any moment of their calls: no descriptor, no slot, no upstream connection is lost."""

    def hanging(request: Request) -> Answer:
        return Stream(("one", Hang())) if b'"stream":true' in request.body.replace(b" ", b"") else Raw((Hang(),))

    async with (
        open_upstream() as upstream,
        open_router(tmp_path, config(backend(upstream.url), server={"max_connections": SLOTS})) as router,
    ):
        upstream.script = hanging
        chance = random.Random(1)  # noqa: S311 - a test's own dice
        before = figures(router.pid).sockets
        left = iter(range(CROWD))

        async def leave() -> None:
            for number in left:
                async with await connect(router) as stream:
                    body = json.dumps(asked(stream=number % 2 == 0)).encode()
                    raw = POST + b"content-length: %d\r\n\r\n" % len(body) + body
                    await stream.send_all(raw[: chance.randrange(len(raw))] if number % 5 == 0 else raw)
                    with trio.move_on_after(chance.random() * 0.02):
                        await stream.receive_some(2**16)

        async with trio.open_nursery() as nursery:
            for _ in range(SLOTS - 8):
                nursery.start_soon(leave)
        with trio.fail_after(PATIENCE_S):
            while figures(router.pid).sockets > before:
                async with await connect(router) as stream:
                    await stream.send_all(HEALTH.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
                    assert (await until_closed(stream)).startswith(b"HTTP/1.1 200 ")
    assert "Traceback" not in router.stderr


def _rss_mib(router: Router) -> float:
    status = Path(f"/proc/{router.pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
