"""A router's life: the tasks behind it, from its beginning to an end that anybody may ask for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import Enum
from typing import TYPE_CHECKING, Final

import trio

from continuum.backends.tasks import open_tasks
from continuum.errors import NotRunning, ShuttingDown
from continuum.runtime import run_instance

if TYPE_CHECKING:
    from continuum.runtime import Instance

__all__ = ["Life"]

_LAST_WORDS: Final = 1.0
"""Seconds that calls which were ended get to tell their callers."""

_OVER: Final = "the router was shut down"


class _Stage(Enum):
    NEW = "new"
    RUNNING = "running"
    OVER = "over"


class Life:
    """Of one instance. beside: a task that runs along. interrupt: ends every call. quiet: waits until none is left."""

    def __init__(
        self,
        instance: Instance,
        *,
        beside: Callable[[], Awaitable[None]],
        interrupt: Callable[[], None],
        quiet: Callable[[], Awaitable[None]],
    ) -> None:
        self._instance = instance
        self._beside = beside
        self._interrupt = interrupt
        self._quiet = quiet
        self._stage = _Stage.NEW
        self._begun = trio.Event()
        self._wanted = trio.Event()
        self._over = trio.Event()
        self._holders = 0
        self._unheld = trio.Event()

    @property
    def new(self) -> bool:
        """Whether it has neither begun nor ended."""
        return self._stage is _Stage.NEW

    def check(self) -> None:
        """May a call be made? Raises NotRunning before the beginning, ShuttingDown after the end."""
        if self._stage is _Stage.OVER:
            raise ShuttingDown(_OVER)
        if not self._begun.is_set():
            raise NotRunning

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """From the beginning to the end. Once only."""
        if self._stage is not _Stage.NEW:
            raise RuntimeError("a router runs once: build another one")
        self._stage = _Stage.RUNNING
        async with open_tasks(self._run):
            await self._begun.wait()
            try:
                yield
            finally:
                await self.end()

    async def end(self) -> None:
        """Stop, and return when all is released: from any task, any number of times."""
        self._instance.draining = True
        self._wanted.set()
        if self._stage is _Stage.NEW:
            self._close()
        await self._over.wait()

    async def ending(self) -> None:
        """Wait until the end is wanted."""
        await self._wanted.wait()

    @asynccontextmanager
    async def holding(self) -> AsyncGenerator[None]:
        """The end waits for this block."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            self._unheld.set()
            self._unheld = trio.Event()

    async def _run(self) -> None:
        try:
            async with run_instance(self._instance), open_tasks(self._beside):
                await self._instance.have_admin_token()
                self._begun.set()
                await self._wanted.wait()
                while self._holders:
                    await self._unheld.wait()
                self._stage = _Stage.OVER
                self._interrupt()
                with trio.move_on_after(_LAST_WORDS):
                    await self._quiet()
        finally:
            self._close()

    def _close(self) -> None:
        self._stage = _Stage.OVER
        self._wanted.set()
        self._interrupt()
        self._instance.close()
        self._over.set()
