"""From a configuration to a running instance that follows it."""

from __future__ import annotations

import os
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from continuum.backends.pool import Pool
from continuum.backends.tasks import open_tasks
from continuum.config import store_of
from continuum.errors import ConfigError, ConfigProblem
from continuum.prompts import Prompts
from continuum.runtime.facts import read_facts
from continuum.runtime.instance import Instance
from continuum.runtime.keyring import Keyring, make_keyring
from continuum.runtime.reload import Reloader
from continuum.runtime.watching import keep_up, open_hangups
from continuum.storage.folder import state_folder

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from continuum.backends.transport import HttpClient
    from continuum.config import Config, ConfigStore
    from continuum.config.facts import Facts

__all__ = ["make_instance", "open_instance", "run_instance"]


async def make_instance(
    store: ConfigStore, *, owns_process: bool = False, client: HttpClient | None = None
) -> Instance:
    """All that an instance is made of; nothing is connected or started yet. owns_process: this is the program, not a
    guest in one: its logging follows the configuration (which `log.configure` set up), and what lasts is kept without
    being told where. client: carries the requests to backends.

    Raises ConfigError with every fault of what the configuration refers to, and for a store that serves another.
    """
    config, problems = store.config, list[ConfigProblem]()
    pool: Pool | None = None
    keys: Keyring | None = None
    facts: Facts | None = None
    with ExitStack() as undo:
        try:
            pool = await trio.to_thread.run_sync(partial(Pool, config, client=client))
        except ConfigError as fault:
            problems += fault.problems
        try:
            keys = await make_keyring(store)
            undo.callback(keys.close)
        except ConfigError as fault:
            problems += fault.problems
        try:
            facts = await trio.to_thread.run_sync(read_facts, store, config)
        except ConfigError as fault:
            problems += fault.problems
        if pool is None or keys is None or facts is None:
            raise ConfigError(problems)
        prompts = await trio.to_thread.run_sync(Prompts, config.global_prompts, store.beside)
        folder = _folder(config, owns_process=owns_process)
        instance = Instance(store, pool, keys, prompts, facts, owns_process=owns_process, folder=folder)
        store.prepare_with(Reloader(instance).prepare)
        undo.pop_all()
    return instance


@asynccontextmanager
async def run_instance(instance: Instance, *, heeds_hangups: bool = False) -> AsyncGenerator[None]:
    """The instance at work, once each server whose models are not configured was asked (for a bounded time); leaving
    ends all that was started, and the store's part. Once only. heeds_hangups: it reloads on SIGHUP.
    """
    try:
        with open_hangups(wanted=heeds_hangups) as hangups:
            async with open_tasks(instance.pool.run), open_tasks(partial(keep_up, instance, hangups)):
                await instance.pool.catalog.first_look()
                yield
    finally:
        with trio.CancelScope(shield=True):
            await instance.keys.note_uses()
        instance.close()


@asynccontextmanager
async def open_instance(
    source: Config | ConfigStore, *, owns_process: bool = False, heeds_hangups: bool = False
) -> AsyncGenerator[Instance]:
    """`make_instance` and `run_instance` together. Raises ConfigError."""
    store = store_of(source)
    try:
        instance = await make_instance(store, owns_process=owns_process)
        async with run_instance(instance, heeds_hangups=heeds_hangups):
            yield instance
    finally:
        store.close()


def _folder(config: Config, *, owns_process: bool) -> Path | None:
    """A guest writes only where it is told to."""
    told = config.storage.dir
    return state_folder(told, os.environ) if owns_process or told is not None else None
