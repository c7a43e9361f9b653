"""A call and its body go when its answer has: none waits until the collector finds it."""

import gc

import httpx
import pytest
import trio
from chat import asked
from embedded import configured, settled

from continuum import ContinuumRouter
from continuum.core import Call
from continuum.testing.upstream import FAULTS, Answer, Completion, Stream, open_upstream


@pytest.mark.parametrize(
    ("script", "stream", "status"),
    [
        (Completion(), False, 200),
        (Stream(), True, 200),
        (FAULTS["status-400"].answer, False, 400),
        (FAULTS["status-500"].answer, True, 502),
    ],
    ids=["whole", "streamed", "rejected", "failed"],
)
async def test_a_call_that_is_over_is_gone(script: Answer, stream: bool, status: int) -> None:  # noqa: FBT001 - pytest's parameter
    gc.collect()  # what other tests left
    gc.disable()
    try:
        async with open_upstream(script) as upstream, trio.open_nursery() as nursery:
            router = await ContinuumRouter.from_config(configured(upstream.url)).build()
            (url,) = await nursery.start(router.serve, "127.0.0.1:0")
            async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
                answer = await client.post("/v1/chat/completions", json=asked(stream=stream))
                await settled(client)
            assert answer.status_code == status
            left = [each for each in gc.get_objects() if isinstance(each, Call)]
            assert not left
            await router.shutdown()
    finally:
        gc.enable()
