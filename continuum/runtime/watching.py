"""What keeps a running instance up with its files, and with the process that writes its configuration."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Collection, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from continuum.config.watch import watch
from continuum.errors import ConfigError, InternalError

if TYPE_CHECKING:
    from continuum.config import ConfigStore
    from continuum.runtime.instance import Instance

__all__ = ["keep_up", "open_hangups", "reload"]

FOLLOW_EVERY: Final = 1.0
"""Seconds between two looks at what another process has written."""


async def reload(store: ConfigStore) -> None:
    """Read the file again. What is wrong with it is in the log, and changes nothing."""
    with suppress(ConfigError, InternalError):  # told there
        await store.reload()


@contextmanager
def open_hangups(*, wanted: bool) -> Generator[AsyncIterator[int] | None]:
    """SIGHUPs from now on, where they are ours to take."""
    if not wanted:
        yield None
        return
    with trio.open_signal_receiver(signal.SIGHUP) as hangups:
        yield hangups


async def keep_up(instance: Instance, hangups: AsyncIterator[int] | None) -> None:
    """Lives until cancelled."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_follow, instance.store)
        if instance.store.hot_reload_enabled:
            nursery.start_soon(_watch, instance)
        if hangups is not None:
            nursery.start_soon(_heed, hangups, instance)


async def _watch(instance: Instance) -> None:
    store = instance.store

    def files() -> Collection[Path]:
        return [] if store.file is None else [store.file]

    async def changed(which: set[Path]) -> None:
        if store.file in which:
            await reload(store)

    await watch(files, changed)


async def _heed(hangups: AsyncIterator[int], instance: Instance) -> None:
    async for _ in hangups:
        await reload(instance.store)


async def _follow(store: ConfigStore) -> None:
    while not store.held:
        await trio.sleep(FOLLOW_EVERY)
        with suppress(ConfigError, InternalError):  # told there; another try follows
            await store.follow()
