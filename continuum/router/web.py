"""A router's HTTP API: imported and made when it is first asked for, alive as long as the router is."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from continuum.http import App, Mounted
    from continuum.runtime import Instance

__all__ = ["Web"]

_HTTP: Final = "continuum.http"
"""Imported when it is asked for: calls in-process do without, and it would be a third of the start."""


class Web:
    """Of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._app: App | None = None
        self._asked_for = trio.Event()

    def mounted(self, check: Callable[[], None]) -> Mounted:
        """As an application that a host mounts. check: raises ContinuumError where no request can be served."""
        made: Mounted = import_module(_HTTP).Mounted(self._made(), check)
        return made

    async def run(self) -> None:
        """What it needs beside it, from when it is there."""
        await self._asked_for.wait()
        await self._made().run()

    def interrupt(self) -> None:
        """End the requests under way."""
        if self._app is not None:
            self._app.interrupt()

    async def quiet(self) -> None:
        """Wait until none is under way."""
        if self._app is not None:
            await self._app.quiet()

    async def serve(self, task_status: trio.TaskStatus[list[str]], stop: Callable[[], Awaitable[None]]) -> None:
        """Serve at the configured addresses until `stop` returns or a signal comes. Raises ConfigError for an address
        that cannot be bound.
        """
        http, app, server = import_module(_HTTP), self._made(), self._instance.config.server
        with http.listen(server) as listeners:
            urls = [each.url for each in listeners]
            await http.serve(app, server, listeners, ready=partial(task_status.started, urls), stop=stop)

    def _made(self) -> App:
        if self._app is None:
            made: App = import_module(_HTTP).App(self._instance)
            self._app = made
            self._asked_for.set()
        return self._app
