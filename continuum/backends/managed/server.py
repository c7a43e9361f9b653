"""A managed server as the pool sees it: acquire its URL, release it; one owner task starts and stops the process."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

import trio

from continuum.backends.managed.lifecycle import Lifecycle, State
from continuum.backends.managed.process import ServerProcess
from continuum.backends.managed.readiness import free_port, occupied, until_ready
from continuum.children import Redactor, reduced_environment
from continuum.config.url import PORT_FIELD
from continuum.errors import ConnectFailed

__all__ = ["ManagedServer"]

_log = logging.getLogger("continuum.managed")

_PATIENCE: Final = 15.0
"""Seconds a caller waits beyond the time a start may take: the run before it may have to end first."""


class ManagedServer:
    """A server process that lives only while it is wanted.

    command, url: argument list and base URL, `{port}` in both standing for a port that is free at each start.
    ready_path: answers 2xx once the server can work. start_timeout: seconds it gets for that. idle_stop: seconds
    without a user until it is stopped, None for never. environ: our environment, of which it gets the harmless part.
    """

    def __init__(  # noqa: PLR0917 (one place makes these, from the section's fields in order)
        self,
        name: str,
        command: Sequence[str],
        url: str,
        ready_path: str,
        start_timeout: float,
        idle_stop: float | None,
        environ: Mapping[str, str],
    ) -> None:
        self.name = name
        self._command = tuple(command)
        self._url = url.rstrip("/")
        self._ready_path = ready_path
        self._start_timeout = start_timeout
        self._environment = reduced_environment(environ)
        self._redact = Redactor(environ, command)
        self._life = Lifecycle(idle_stop)
        self._running_url = ""
        self._changed = trio.Event()

    def __repr__(self) -> str:
        return f"<ManagedServer {self.name} {self.state}>"

    @property
    def state(self) -> State:
        """Where it is in its life."""
        return self._life.state

    @property
    def address(self) -> str | None:
        """Base URL while the server is ready. Reading it is not a use: it keeps nothing running."""
        return self._running_url or None

    async def until(self, *states: State) -> State:
        """Wait until the server is in one of the states; which."""
        while self._life.state not in states:
            await self._changed.wait()
        return self._life.state

    async def acquire(self) -> str:
        """Base URL of the ready server, started if need be. Pairs with `release`, unless it raises.

        ConnectFailed: it did not start, in words; at once (with retry_after) while it is not tried again yet.
        """
        await trio.lowlevel.checkpoint()
        refused = self._refusal()
        if refused is not None:
            raise refused
        if self._life.state != "ready":
            await self._until_started()
        self._life.use()
        self._tell()
        return self._running_url

    def release(self) -> None:
        """The caller is done with the server."""
        self._life.release(trio.current_time())
        self._tell()

    async def run(self) -> None:
        """Own the process: start it when wanted, stop it when idle. Never returns; cancelled, it leaves nothing."""
        while True:
            while not self._life.wanted(trio.current_time()):
                await self._changed.wait()
            await self._live()

    async def _until_started(self) -> None:
        life = self._life
        failures = life.failures
        life.waiting += 1
        self._tell()
        try:
            # The owner keeps the time of a start; this also bounds the end of the run before it.
            with trio.fail_after(self._start_timeout + _PATIENCE):
                while life.state != "ready":
                    await self._changed.wait()
                    if life.failures > failures:
                        raise self._failure()
        except trio.TooSlowError:
            raise ConnectFailed("the managed server could not be started in time") from None
        finally:
            life.waiting -= 1

    def _refusal(self) -> ConnectFailed | None:
        return self._failure() if self._life.refusal(trio.current_time()) is not None else None

    def _failure(self) -> ConnectFailed:
        life = self._life
        return ConnectFailed(f"the managed server {life.reason}", retry_after=life.refusal(trio.current_time()))

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _failed(self, reason: str) -> None:
        self._life.failed(reason, trio.current_time())
        self._running_url = ""
        self._tell()
        _log.warning("managed server %s %s", self.name, reason)

    def _stopped(self) -> None:
        self._life.stopped()
        self._running_url = ""
        self._tell()

    async def _live(self) -> None:
        """One run of the process, from start to end."""
        self._life.started()
        self._tell()
        try:
            port = str(free_port())
            url = self._url.replace(PORT_FIELD, port)
            if await occupied(url):
                self._failed("cannot be started: another program listens at its address")
                return
            argv = [part.replace(PORT_FIELD, port) for part in self._command]
            process = await ServerProcess.spawn(self.name, argv, self._environment, self._redact)
        except OSError as error:
            self._failed(f"cannot be started: {error.strerror}")
            return
        except BaseException:  # cancelled, alone or in a group
            self._stopped()
            raise
        async with trio.open_nursery() as nursery:
            nursery.start_soon(process.run)
            try:
                await self._serve(process, url)
            finally:
                if self._life.state in ("starting", "ready"):  # cancelled
                    self._stopped()
                with trio.CancelScope(shield=True):
                    await process.stop()

    async def _serve(self, process: ServerProcess, url: str) -> None:
        """Return when the process must go: the state already says so, so that nobody is sent to it any more."""
        unready = await self._start(process, url)
        if unready is not None:
            self._failed(unready)
            return
        self._running_url = url
        self._life.became_ready(trio.current_time())
        self._tell()
        _log.info("managed server %s is ready", self.name)
        await self._until_idle(process)
        if process.ended.is_set():
            self._failed(process.obituary)
        else:
            self._stopped()
            _log.info("managed server %s is stopped: idle", self.name)

    async def _start(self, process: ServerProcess, url: str) -> str | None:
        """Wait until the server answers; why it never will, or None."""
        last = "it does not answer"

        def note(probe: str) -> None:
            nonlocal last
            last = probe

        ready = False
        with trio.move_on_after(self._start_timeout):
            async with trio.open_nursery() as race:
                race.start_soon(_cancel_at_end, process, race.cancel_scope)
                await until_ready(url, self._ready_path, note)
                ready = True
                race.cancel_scope.cancel()
        if process.ended.is_set():
            return process.obituary
        return None if ready else f"did not become ready in {self._start_timeout:g} s: {last}"

    async def _until_idle(self, process: ServerProcess) -> None:
        """Return when the process ended or has been without a user for long enough."""
        async with trio.open_nursery() as race:
            race.start_soon(_cancel_at_end, process, race.cancel_scope)
            while True:
                changed = self._changed
                deadline = self._life.idle_deadline()
                if deadline is not None and deadline <= trio.current_time():
                    race.cancel_scope.cancel()
                    return
                with trio.move_on_at(float("inf") if deadline is None else deadline):
                    await changed.wait()


async def _cancel_at_end(process: ServerProcess, scope: trio.CancelScope) -> None:
    await process.ended.wait()
    scope.cancel()
