"""Routers inside the tests' own program."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from serving import backend

from continuum import Config, ContinuumRouter, RouterBuilder
from continuum.config import from_mapping

QUIET = {"health_checks": {"enabled": False}}

Say = Callable[[RouterBuilder], RouterBuilder]


def configured(url: str, **sections: Any) -> Config:
    """A configuration with one backend, which is left alone but for calls."""
    return from_mapping({"backends": [backend(url)], **QUIET, **sections})


@asynccontextmanager
async def open_router(config: Config, say: Say = lambda builder: builder) -> AsyncGenerator[ContinuumRouter]:
    """A running router of it. say: what its builder is told."""
    async with await say(ContinuumRouter.from_config(config)).build() as router:
        yield router
