"""The edge among crowds: descriptors that run out, and clients that only hold connections. Others are served meanwhile.

`.ci/long` sends five hundred slow heads and two thousand idle connections, the suite a tenth.
"""

from __future__ import annotations

import resource
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trio
from chat import CHAT, Received, ask, asked, client_of
from hypothesis import settings
from patience import PATIENCE_S, promised
from proc import cpu_seconds, figures
from serving import Router, backend, config, open_router

from continuum.testing.upstream import open_upstream

HEALTH = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
PART_OF_A_HEAD = b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: "
PART_OF_A_BODY = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n".encode() + (
    b"content-length: 9999\r\n\r\n{"
)
BUSY = 0.7


async def connect(router: Router) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", int(router.url.rpartition(":")[2]))


async def answered(stream: trio.SocketStream, request: bytes = HEALTH) -> bool:
    """Whether the router answers this now."""
    await stream.send_all(request)
    with trio.move_on_after(0.5):
        return bytes(await stream.receive_some(2**16)).startswith(b"HTTP/1.1 200 ")
    return False


async def test_without_descriptors_it_pauses_and_recovers(tmp_path: Path) -> None:
    spare = 20
    async with (
        open_upstream() as upstream,
        open_router(tmp_path, config(backend(upstream.url))) as router,
        client_of(router.url) as ordinary,
        AsyncExitStack() as crowd,
    ):
        assert (await ask(ordinary, asked())).is_whole()
        most = figures(router.pid).descriptors + spare
        resource.prlimit(router.pid, resource.RLIMIT_NOFILE, (most, most))
        for _ in range(3 * spare):
            await crowd.enter_async_context(await connect(router))
        await trio.to_thread.run_sync(router.wait_for_line, "no connection can be accepted for now")
        began, used = trio.current_time(), cpu_seconds(router.pid)
        async with await connect(router) as waiting:
            assert not await answered(waiting), "it is in the backlog"
            assert (await ask(ordinary, asked())).is_whole(), "who has a connection, and his backend, is served"
            await trio.sleep(1)
            assert (cpu_seconds(router.pid) - used) / (trio.current_time() - began) < BUSY
            await crowd.aclose()
            with trio.fail_after(PATIENCE_S):
                assert bytes(await waiting.receive_some(2**16)).startswith(b"HTTP/1.1 200 ")
        async with client_of(router.url) as another:
            assert (await ask(another, asked())).is_whole()
        await trio.to_thread.run_sync(router.wait_for_line, "connections are accepted again")
        assert router.stderr.count("no connection can be accepted") < 5, "told once each time, not ten times a second"
    assert "Traceback" not in router.stderr


@pytest.mark.hypothesis
async def test_who_only_holds_connections_disturbs_nobody_and_is_cut(tmp_path: Path) -> None:
    scale = 1.0 if settings.get_current_profile_name() == "long" else 0.1
    crowds = {PART_OF_A_HEAD: 500, PART_OF_A_BODY: 100, b"": 2000}
    server: dict[str, Any] = {"header_timeout": "3s", "body_timeout": "3s", "keep_alive_timeout": "3s"}
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard := resource.getrlimit(resource.RLIMIT_NOFILE)[1], hard))
    ends: dict[bytes, list[bytes]] = {sent: [] for sent in crowds}
    async with (
        open_upstream() as upstream,
        open_router(tmp_path, config(backend(upstream.url), server=server)) as router,
        client_of(router.url) as ordinary,
        trio.open_nursery() as nursery,
    ):
        here = trio.Event()
        left = sum(int(number * scale) for number in crowds.values())

        async def hold(sent: bytes) -> None:
            nonlocal left
            async with await connect(router) as stream:
                await stream.send_all(sent)
                left -= 1
                if not left:
                    here.set()
                ends[sent].append(await until_closed(stream))

        for sent, number in crowds.items():
            for _ in range(int(number * scale)):
                nursery.start_soon(hold, sent)
        received: list[Received] = []
        with trio.fail_after(PATIENCE_S):
            await here.wait()
            for number in range(50):
                began = trio.current_time()
                received.append(await ask(ordinary, asked(stream=number % 2 == 0)))
                assert trio.current_time() - began < promised(1)
        assert all(each.is_whole() for each in received)
    assert {end[:13] for sent in (PART_OF_A_HEAD, PART_OF_A_BODY) for end in ends[sent]} == {b"HTTP/1.1 408 "}
    assert set(ends[b""]) == {b""}
    assert "Traceback" not in router.stderr


async def until_closed(stream: trio.SocketStream) -> bytes:
    received = b""
    with trio.fail_after(PATIENCE_S):
        while piece := await stream.receive_some(2**16):
            received += piece
    return received
