"""The border between a host's asyncio and the router's trio, where the host gives up at an awkward moment."""

import asyncio
from typing import Any

import trio

from continuum.router.crossing import Crossing


class Slow:
    """A host's `receive` that takes its time to be cancelled."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.released = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
            await self.released.wait()
        raise AssertionError("it is only ever cancelled")


async def send(_message: object) -> None:
    """Takes what comes."""


async def router_side(crossing: Crossing, token: trio.lowlevel.TrioToken) -> None:
    """Asks for a message."""
    token.run_sync_soon(lambda: trio.lowlevel.spawn_system_task(crossing.receive))


async def cancelled_while_it_waits(token: trio.lowlevel.TrioToken) -> bool:
    slow, crossing = Slow(), Crossing(token)
    host = asyncio.create_task(crossing.serve(slow.receive, send))
    await router_side(crossing, token)
    await slow.asked.wait()
    crossing.end()
    await slow.cancelled.wait()
    host.cancel()
    await asyncio.sleep(0)
    slow.released.set()
    await asyncio.wait([host])
    return host.cancelled()


async def test_a_host_that_is_cancelled_at_the_end_of_a_request_is_cancelled() -> None:
    token = trio.lowlevel.current_trio_token()
    assert await trio.to_thread.run_sync(asyncio.run, cancelled_while_it_waits(token))
