"""Routers inside the tests' own program."""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import trio
from patience import PATIENCE_S
from serving import backend

from continuum import Config, ContinuumRouter, RouterBuilder
from continuum.config import from_mapping
from continuum.testing.upstream import FAULTS, Answer, Completion, Hang, Pause, Raw, Stream

ENDINGS: tuple[Answer, ...] = (
    Stream(("a", Pause(0.02), "b", Pause(0.02))),
    Completion(),
    FAULTS["cut-by-reset"].answer,
    Raw((Hang(),)),
)
"""Answers that end in every way, and one that does not."""

QUIET = {"health_checks": {"enabled": False}}

Say = Callable[[RouterBuilder], RouterBuilder]


def configured(url: str, **sections: Any) -> Config:
    """A configuration with one backend, which is left alone but for calls."""
    return from_mapping({"backends": [backend(url)], **QUIET, **sections})


async def settled(client: httpx.AsyncClient, url: str = "/metrics") -> None:
    """Return once a router's own page says that nothing is in flight any more, at it or at its backends."""
    with trio.fail_after(PATIENCE_S):
        while True:
            page = (await client.get(url)).raise_for_status().text
            counts = re.findall(r"^continuum_(?:requests|backend)_in_flight\S* (\S+)$", page, re.MULTILINE)
            if len(counts) > 1 and not any(map(float, counts)):
                return
            await trio.sleep(0.02)


@asynccontextmanager
async def open_router(config: Config, say: Say = lambda builder: builder) -> AsyncGenerator[ContinuumRouter]:
    """A running router of it. say: what its builder is told."""
    async with await say(ContinuumRouter.from_config(config)).build() as router:
        yield router
