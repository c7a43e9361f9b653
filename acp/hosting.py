"""The way from "initialize was answered" to "sessions can be had": configuration, instance, session table, once.

This file is part of the start: what the way takes is imported by name, after the first answer.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from continuum.errors import ConfigError, ContinuumError

from .jsonrpc import INTERNAL_ERROR, RpcError
from .lazy import load_target

if TYPE_CHECKING:
    from continuum.config import Config, ConfigStore

    from .host import Host
    from .session import Settings
    from .sessions import SessionTable

__all__ = ["Hosting", "OpenHost", "Source"]

Source = Callable[[], "Config | ConfigStore"]
OpenHost = Callable[["ConfigStore"], AbstractAsyncContextManager["Host"]]
OpenTable = Callable[["Host", "Settings", "Config"], AbstractAsyncContextManager["SessionTable"]]

_log: Final = logging.getLogger("continuum.acp")

_UNUSABLE: Final = 1
_CONFIG_FAULT: Final = 2
_GRACE_UNTIL_LOADED: Final = 15.0
"""Seconds. No turn runs yet, and what a pipeline has asked for is answered even where a cold disk makes that slow."""


class Hosting:
    """Loads once, when asked to `begin`. A failure is told to every session request and does not end the process."""

    def __init__(self, load: Source, open_host: OpenHost | None = None, *, owns_process: bool = False) -> None:
        self._load = load
        self._owns_process = owns_process
        self._open_host = open_host
        self._sessions: SessionTable | None = None
        self._fault = ""
        self._settings: Settings | None = None
        self._wanted = trio.Event()
        self._read = trio.Event()  # the configuration is judged
        self._settled = trio.Event()  # there are sessions, or it is known that there will be none
        self._closing = trio.Event()
        self._done = trio.Event()
        self.eof_grace = _GRACE_UNTIL_LOADED
        self.exit_code = 0

    @property
    def sessions_if_open(self) -> SessionTable | None:
        """The session table, None while there is none."""
        return self._sessions

    def begin(self) -> None:
        """Load now, if that has not begun."""
        self._wanted.set()

    async def sessions(self) -> SessionTable:
        """Load if nobody asked for it yet, and wait. RpcError: there will be no sessions, and why."""
        self.begin()
        await self._settled.wait()
        if self._sessions is None:
            raise RpcError(INTERNAL_ERROR, self._fault)
        return self._sessions

    async def settings(self) -> Settings | None:
        """Load if nobody asked for it yet, and wait for the configuration alone; None: it cannot be used."""
        self.begin()
        await self._read.wait()
        return self._settings

    async def close(self) -> None:
        """Nobody will ask for a session any more: wait until the configuration is judged and the instance down."""
        self._closing.set()
        self.begin()
        await self._done.wait()

    async def run(self) -> None:
        """Serve from `begin` to `close`. What breaks an instance while it runs is raised here."""
        await self._wanted.wait()
        try:
            await self._serve()
        except Exception as error:  # the outermost frame of loading: the client is told, the process goes on
            if self._sessions is not None:
                raise
            self._give_up(error)
        self._read.set()
        self._settled.set()
        self._done.set()

    async def _serve(self) -> None:
        store, settings, open_host = await trio.to_thread.run_sync(self._prepare, abandon_on_cancel=True)
        self.eof_grace = settings.eof_grace
        self._settings = settings
        self._read.set()
        if self._closing.is_set():
            return
        open_table: OpenTable = load_target("continuum.acp.sessions:open_sessions")
        async with open_host(store) as host, open_table(host, settings, store.config) as table:
            self._sessions = table
            self._settled.set()
            await self._closing.wait()

    def _prepare(self) -> tuple[ConfigStore, Settings, OpenHost]:
        """In a thread: what reads files and imports the rest, so that the client is heard meanwhile."""
        source = self._load()
        store_of: Callable[[Config | ConfigStore], ConfigStore] = load_target("continuum.config:store_of")
        store = store_of(source)
        kind: type[Settings] = load_target("continuum.acp.session:Settings")
        load_target("continuum.acp.sessions:open_sessions")
        settings = kind.of(store.config.acp)
        open_host: OpenHost = self._open_host or partial(
            load_target("continuum.runtime:open_instance"), owns_process=self._owns_process
        )
        return store, settings, open_host

    def _give_up(self, error: Exception) -> None:
        if isinstance(error, ContinuumError):
            self._fault = error.message
        else:
            _log.error("loading failed", exc_info=error)
            self._fault = f"Internal error: {type(error).__name__} while loading the configuration"
        self.exit_code = _CONFIG_FAULT if isinstance(error, ConfigError) else _UNUSABLE
        for line in self._fault.splitlines():
            print(f"continuum: {line}", file=sys.stderr)  # noqa: T201 (the IDE shows stderr; logging is not set up)
