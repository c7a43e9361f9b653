"""From a configuration to a running instance that follows it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import trio

from continuum.backends.pool import open_pool
from continuum.backends.tasks import open_tasks
from continuum.config import store_of
from continuum.prompts import Prompts
from continuum.runtime.instance import Instance
from continuum.runtime.keyring import open_keyring
from continuum.runtime.reload import Reloader
from continuum.runtime.watching import keep_up, open_hangups

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from continuum.config import Config, ConfigStore

__all__ = ["open_instance"]


@asynccontextmanager
async def open_instance(
    source: Config | ConfigStore, *, owns_process: bool = False, heeds_hangups: bool = False
) -> AsyncGenerator[Instance]:
    """The instance at work, once each server whose models are not configured was asked (for a bounded time);
    leaving ends all it started, the store's part included. owns_process: this is the program, not a guest in one:
    its logging follows the configuration (which `log.configure` set up). heeds_hangups: it reloads on SIGHUP.

    Raises ConfigError for a file of client keys that cannot be used.
    """
    store = store_of(source)
    try:
        async with open_keyring(store) as keys, open_pool(store.config) as pool:
            prompts = await trio.to_thread.run_sync(Prompts, store.config.global_prompts, store.beside)
            instance = Instance(store, pool, keys, prompts, owns_process=owns_process)
            store.prepare_with(Reloader(instance).prepare)
            with open_hangups(wanted=heeds_hangups) as hangups:
                async with open_tasks(partial(keep_up, instance, hangups)):
                    await pool.catalog.first_look()
                    yield instance
    finally:
        store.close()
