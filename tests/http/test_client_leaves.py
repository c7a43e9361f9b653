"""A client that leaves takes its upstream request with it, within a second, whatever the phase."""

from pathlib import Path

import pytest
import trio
from chat import CHAT, ask, asked, client_of
from patience import PATIENCE_S, promised
from serving import Router, backend, config, open_router

from continuum.testing.upstream import Answer, Completion, Hang, HeadThen, Raw, Request, Stream, Upstream, open_upstream

PHASES: dict[str, tuple[Answer, bool]] = {
    "mid-stream": (Stream(("one", Hang())), True),
    "before the first token": (Stream((), tail=(Hang(),)), True),
    "before the head, streaming": (Raw((Hang(),)), True),
    "before the head, not streaming": (Raw((Hang(),)), False),
    "within the body, not streaming": (HeadThen((Hang(),)), False),
}


@pytest.mark.parametrize("phase", PHASES)
async def test_leaving_closes_the_upstream(tmp_path: Path, phase: str) -> None:
    answer, stream = PHASES[phase]
    async with (
        open_upstream(answer) as upstream,
        open_router(tmp_path, config(backend(upstream.url))) as router,
    ):
        call = await _leave(router, upstream, stream=stream, after_content=phase == "mid-stream")
        left_at = trio.current_time()
        with trio.fail_after(PATIENCE_S):
            assert await call.aborted() - left_at < promised(1)
        await _still_answers(router, upstream)
        assert len(upstream.calls) == 2, "a call nobody waits for is not tried again"
    assert "Traceback" not in router.stderr


async def test_a_crowd_leaves(tmp_path: Path) -> None:
    """Fifty at once, some streaming, some not: each upstream request ends, and no slot of the pool is lost."""
    async with (
        open_upstream(Raw((Hang(),))) as upstream,
        open_router(tmp_path, config(backend(upstream.url), server={"connection_pool_size": 4})) as router,
        client_of(router.url) as client,
    ):
        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(ask, client, asked(stream=number % 2 == 0))
            calls = [await upstream.next_call() for _ in range(50)]
            nursery.cancel_scope.cancel()
        left_at = trio.current_time()
        with trio.fail_after(PATIENCE_S):
            latest = max([await call.aborted() for call in calls])
        assert latest - left_at < promised(1)
        await _still_answers(router, upstream)


async def _leave(router: Router, upstream: Upstream, *, stream: bool, after_content: bool) -> Request:
    """Send a request and close the connection once the upstream has it, or once content came."""
    async with client_of(router.url) as client, trio.open_nursery() as nursery:
        arrived = trio.Event()

        async def send() -> None:
            async with client.stream("POST", CHAT, json=asked(stream=stream)) as response:
                async for line in response.aiter_lines():
                    if "one" in line:
                        arrived.set()

        nursery.start_soon(send)
        call = await upstream.next_call()
        if after_content:
            await arrived.wait()
        nursery.cancel_scope.cancel()
    return call


async def _still_answers(router: Router, upstream: Upstream) -> None:
    upstream.push(Completion())
    async with client_of(router.url) as client:
        assert (await client.post(CHAT, json=asked())).status_code == 200
