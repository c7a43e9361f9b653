"""The end of a guarded program, whoever waits for it and whatever was done to its guardian."""

import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from continuum.children import Guarded

PATIENCE = 20
ENDLESS = "import os, time\nos.write(1, b'up')\ntime.sleep(600)"


@asynccontextmanager
async def endless() -> AsyncGenerator[Guarded]:
    """A program that ends only when it is made to."""
    with trio.fail_after(PATIENCE):
        guarded = await Guarded.start([sys.executable, "-c", ENDLESS], grace=0.2, environment=dict(os.environ))
        assert await guarded.output.receive_some() == b"up"
        yield guarded
        assert not await guarded.output.receive_some(), "nobody holds its output any more"
        await guarded.aclose()


async def test_it_is_ended_while_others_wait_for_its_end() -> None:
    async with endless() as guarded, trio.open_nursery() as nursery:
        nursery.start_soon(guarded.ended)
        nursery.start_soon(guarded.ended)
        await trio.testing.wait_all_tasks_blocked()
        await guarded.end()
    assert guarded.fate == f"signal {int(signal.SIGTERM)}"


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
async def test_it_is_ended_though_its_guardian_was_stopped_or_killed(number: signal.Signals) -> None:
    async with endless() as guarded:
        os.kill(guarded.pid, number)
        await guarded.end()
    assert not guarded.fate
