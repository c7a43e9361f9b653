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
from continuum.runtime.facts import facts_file, reread_facts

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
        nursery.start_soon(_follow, instance)
        nursery.start_soon(instance.keys.keep_uses)
        if instance.store.hot_reload_enabled:
            nursery.start_soon(_watch, instance)
        if hangups is not None:
            nursery.start_soon(_heed, hangups, instance)


async def _watch(instance: Instance) -> None:
    def files() -> Collection[Path]:
        named = (instance.store.file, _key_file(instance), _facts_file(instance), *instance.prompts.files)
        return [path for path in named if path is not None]

    async def changed(which: set[Path]) -> None:
        if instance.store.file in which:
            await reload(instance.store)
        if _key_file(instance) in which:
            await instance.keys.reread()
        if _facts_file(instance) in which:
            await reread_facts(instance)
        if not which.isdisjoint(instance.prompts.files):
            await instance.read_prompts()

    await watch(files, changed)


def _key_file(instance: Instance) -> Path | None:
    named = instance.config.api_keys.api_keys_file
    return None if named is None else Path(named)


def _facts_file(instance: Instance) -> Path | None:
    return facts_file(instance.store, instance.config)


async def _heed(hangups: AsyncIterator[int], instance: Instance) -> None:
    async for _ in hangups:
        await reload(instance.store)
        if _key_file(instance) is not None:
            await instance.keys.reread()
        await reread_facts(instance)
        await instance.read_prompts()


async def _follow(instance: Instance) -> None:
    """Keys before the configuration: one that takes the id of a key that is gone is judged by what there is."""
    store, keys = instance.store, instance.keys
    while not store.held:
        await trio.sleep(FOLLOW_EVERY)
        await keys.follow()
        with suppress(ConfigError, InternalError):  # told there; another try follows
            await store.follow()
    await keys.follow()  # the last words of who held it before
