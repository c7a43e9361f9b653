"""A backend is removed over HTTP while the real process streams from it: it drains, unless it is forced out."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import trio
from chat import TEXT, Received, ask, asked, client_of
from patience import PATIENCE_S
from serving import backend, config, open_router

from continuum.testing.upstream import Stream, Upstream, Wait, open_upstream

OPEN = {"auth": {"method": "none"}}
GO = "/admin/backends/going"


@asynccontextmanager
async def a_stream_under_way(
    home: Path, gate: trio.Event, received: list[Received]
) -> AsyncGenerator[tuple[httpx.AsyncClient, Upstream]]:
    """Words of it are out, the rest waits for the gate; leaving waits for its end."""
    async with open_upstream(Stream((TEXT[:4], Wait(gate), TEXT[4:]))) as going, open_upstream() as staying:
        entries = [backend(going.url, "going"), backend(staying.url, "staying", models=["other"])]
        async with open_router(home, config(*entries, admin=OPEN)) as router, client_of(router.url) as client:
            begun = trio.Event()

            async def stream() -> None:
                received.append(await ask(client, asked(stream=True), begun=begun))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream)
                await begun.wait()
                yield client, going
            assert "Traceback" not in router.stderr


async def closed(upstream: Upstream) -> None:
    with trio.fail_after(PATIENCE_S):
        while upstream.open_connections:
            await trio.lowlevel.checkpoint()


async def test_forced_out_its_stream_ends_with_the_error_event(tmp_path: Path) -> None:
    received: list[Received] = []
    async with a_stream_under_way(tmp_path, trio.Event(), received) as (client, going):
        removed = await client.delete(GO, params={"force": "true"})
        assert removed.json()["removed_backend"] == "going"
        await closed(going)
        with trio.fail_after(PATIENCE_S):
            while not received:
                await trio.lowlevel.checkpoint()
        assert (await ask(client, asked("other"))).is_whole()
        assert (await ask(client, asked())).status == 404
    (stream,) = received
    assert (stream.status, stream.ended, stream.done, stream.finish_reasons) == (200, True, False, [])
    assert stream.error["code"] == "stream_interrupted"
    assert "error" in stream.events[-1]


async def test_otherwise_its_stream_goes_on_to_the_end(tmp_path: Path) -> None:
    gate = trio.Event()
    received: list[Received] = []
    async with a_stream_under_way(tmp_path, gate, received) as (client, going):
        assert (await client.delete(GO)).status_code == 200
        assert (await ask(client, asked())).status == 404, "new requests do not find it"
        assert (await client.get(GO)).status_code == 404
        assert not received
        gate.set()
        await closed(going)
    assert received[0].is_whole()
    assert received[0].text == TEXT
