"""A thread in which trio runs the router, for a program that trio does not run."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final, cast

import trio

from continuum.errors import ContinuumError, InternalError, NotRunning, ShuttingDown
from continuum.router.crossing import Crossing, Message

__all__ = ["App", "OpenApp", "Portal"]

_log = logging.getLogger("continuum.router")

App = Callable[[Any, Any, Any], Awaitable[None]]
OpenApp = Callable[[], AbstractAsyncContextManager[App]]

_AT_EXIT: Final = 10.0
"""Seconds that the thread gets at the end of a program that has not stopped it."""


class Portal:
    """Runs an application from `start` to `stop`, once."""

    def __init__(self, open_app: OpenApp) -> None:
        self._open_app = open_app
        self._thread = threading.Thread(target=self._run, name="continuum", daemon=True)
        self._began: Future[trio.lowlevel.TrioToken] = Future()
        self._ended: Future[None] = Future()
        self._stop = trio.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._app: App | None = None
        self._nursery: trio.Nursery | None = None
        self._lock = threading.Lock()  # of the token, and of the next three
        self._stopping = False
        self._open: set[Crossing] = set()
        self._fault: ContinuumError | None = None

    @property
    def began(self) -> Future[trio.lowlevel.TrioToken]:
        """Done once requests are let in; fails with what kept it from beginning."""
        return self._began

    def start(self) -> None:
        """Begin."""
        for future in (self._began, self._ended):
            future.set_running_or_notify_cancel()  # whoever waits may be cancelled: these are not
        self._thread.start()
        atexit.register(self._end_at_exit)

    def stop(self) -> Future[None]:
        """Release everything, and end the thread. Any number of times."""
        with self._lock:
            self._stopping, token = True, self._token
        if token is not None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(self._stop.set)
        return self._ended

    def join(self) -> None:
        """Wait for the thread, which has nothing more to do once it has ended."""
        self._thread.join()

    def let_in(self, crossing: Crossing, scope: Message) -> None:
        """Have a request answered. Raises ContinuumError where nobody can."""
        with self._lock:
            token = self._token
            if self._fault is not None:
                raise self._fault.with_traceback(None)  # as of one request only
            if token is None:
                raise NotRunning
            self._open.add(crossing)
        with suppress(trio.RunFinishedError):  # `_run` ends every crossing there is
            token.run_sync_soon(self._spawn, crossing, scope)

    def let_out(self, crossing: Crossing) -> None:
        """The host's side is done with it."""
        with self._lock:
            self._open.discard(crossing)

    def _spawn(self, crossing: Crossing, scope: Message) -> None:
        if self._nursery is not None and self._app is not None:  # else `_run` ends it, and knows why
            self._nursery.start_soon(crossing.run, self._app, scope)

    def _run(self) -> None:
        fault: BaseException | None = None
        try:
            trio.run(self._live)
        except BaseException as error:  # noqa: BLE001 - the thread's outermost frame: whoever waits is told
            fault = error
            if self._began.done():
                _log.critical("the router's thread has ended on a fault of its own", exc_info=error)
        self._end(fault)

    async def _live(self) -> None:
        token = trio.lowlevel.current_trio_token()
        with self._lock:
            self._token = token
            if self._stopping:
                self._stop.set()
        fault: Exception | None = None
        async with trio.open_nursery() as self._nursery:
            try:
                async with self._open_app() as self._app:
                    self._began.set_result(token)
                    await self._stop.wait()
            except Exception as error:  # noqa: BLE001 - raised below as it is
                fault = error
            self._nursery.cancel_scope.cancel()
        self._nursery = None
        if fault is not None:
            raise fault

    def _end(self, fault: BaseException | None) -> None:
        atexit.unregister(self._end_at_exit)
        if fault is None:
            told: ContinuumError = ShuttingDown("the router was shut down")
        else:
            told = InternalError(
                f"the router has ended on a fault of its own ({_name_of(fault)}); the log has the rest"
            )
        with self._lock:
            self._fault = told
            left = list(self._open)
        for crossing in left:
            crossing.end(told)
        if not self._began.done():
            self._began.set_exception(fault or told)
        self._ended.set_result(None)

    def _end_at_exit(self) -> None:
        self.stop()
        self._thread.join(_AT_EXIT)


def _name_of(fault: BaseException) -> str:
    while isinstance(fault, BaseExceptionGroup):
        fault = cast("BaseExceptionGroup[BaseException]", fault).exceptions[0]
    return type(fault).__name__
