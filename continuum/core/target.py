"""One model of a call: the attempts at it, one after the other, until one answers or no other may follow."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from continuum.backends.catalog import Served
from continuum.chat import Operation
from continuum.core.attempt import Attempt
from continuum.core.classify import exhausted, tried
from continuum.core.screen import MAX_NAMED
from continuum.errors import (
    CircuitOpen,
    NoBackendAvailable,
    RateLimited,
    Unsupported,
    UpstreamDenied,
    UpstreamError,
    UpstreamThrottled,
)
from continuum.resilience.retry import Next

if TYPE_CHECKING:
    from continuum.backends.backend import Backend
    from continuum.chat import GlobalPrompt
    from continuum.core.call import Call
    from continuum.core.limits import Ticket
    from continuum.core.patience import Patience
    from continuum.core.plan import Plan
    from continuum.core.screen import Screen
    from continuum.errors import ContinuumError
    from continuum.prompts import Prompts
    from continuum.resilience.retry import Tries

__all__ = ["Target"]

_log = logging.getLogger("continuum.core")

_NEW = Next()
"""An attempt at a backend that this call has not asked before."""

TRIAL_PAUSE = 1.0
"""Seconds after which a caller may come back while every backend is on trial already."""


class Target:
    """Finds a backend that answers. failures: backend and fault of each attempt that did not, in order."""

    def __init__(
        self,
        call: Call,
        plan: Plan,
        ticket: Ticket,
        screen: Screen,
        prompts: Prompts,
        *,
        tries: Tries,
        patience: Patience,
    ) -> None:
        self.failures: list[tuple[str, UpstreamError]] = []
        self._call = call
        self._plan = plan
        self._screen = screen
        self._prompts = prompts
        self._tries = tries
        self._patience = patience
        self._ticket = ticket
        self._had: dict[Backend, int] = {}
        self._asked: dict[Backend, float | None] = {}
        self._full: list[Backend] = []

    async def open(self) -> Attempt:
        """An attempt that has its first content, or the whole answer. Raises ContinuumError."""
        while self._tries.more():
            backend = await self._next()
            if backend is None:
                break
            served = Served(backend, self._plan.upstream(backend))
            attempt = Attempt(self._call, served, self._patience, prompt=self._prompt(backend))
            try:
                await attempt.open()
            except UpstreamError as fault:
                self._note(backend, fault)
                if not fault.retryable:
                    fault.details.update(tried(self._plan.model, self.failures))
                    self.failures.clear()  # or it would hold itself: its traceback has this frame
                    raise
            else:
                return attempt
        raise self._refusal()

    def _prompt(self, backend: Backend) -> GlobalPrompt | None:
        """Looked up anew for each attempt: it may be another backend's, or another text by now."""
        if self._call.operation is not Operation.CHAT:
            return None
        return self._prompts.of(self._call.model, self._plan.listed, backend.name)

    async def _next(self) -> Backend | None:
        """The backend to try next, when its time has come; None where there is to be no other attempt."""
        backend = await self._choose_with_room()
        if backend is None:
            return None
        wait = self._tries.wait_before(self._following(backend))
        if wait == 0:
            return backend
        self._ticket.leave_backend(tried=False)  # others may use the time until then
        if wait is None or trio.current_time() + wait >= self._patience.whole_by:
            return None
        await trio.sleep(wait)
        self._full.clear()
        return await self._choose_with_room()  # much may have changed

    async def _choose_with_room(self) -> Backend | None:
        """One whose limits have room for an attempt, which is taken now; at its limit a backend is full, not failed."""
        while (backend := self._choose()) is not None and not await self._ticket.take_backend(backend.name):
            self._full.append(backend)
        return backend

    def _choose(self) -> Backend | None:
        """One that was not tried yet, else one that may be tried again. Raises where nobody ever could be."""
        group, had = self._plan.group, self._had
        try:
            out = self._screen.out(group.members, trio.current_time())
        except (NoBackendAvailable, RateLimited):
            if not self.failures:
                raise
            return None
        chosen = group.choose(self._call, [*had, *self._full] if self._full else had, out)
        if chosen is None and (tired := self._screen.tired(group.members)):
            chosen = group.choose(self._call, [*had, *self._full], out - tired)
        if chosen is None and had:
            spent = [backend for backend in had if not self._may_repeat(backend)]
            chosen = group.choose(self._call, [*spent, *self._full], out)
        return chosen

    def _may_repeat(self, backend: Backend) -> bool:
        """Not with a key that it has just refused, and not more often than its configuration says."""
        if backend.keys.resting(trio.current_time()) is not None:
            return False
        return self._tries.may_repeat(self._had[backend], backend.config.retry_override)

    def _following(self, backend: Backend) -> Next:
        if backend not in self._asked:
            return _NEW
        return Next(self._had[backend], self._asked[backend], backend.config.retry_override)

    def _note(self, backend: Backend, fault: UpstreamError) -> None:
        """An attempt has failed."""
        # Not the message: a backend that rejects a request may quote the prompt.
        _log.warning("%s attempt at %s failed: %s", self._call.request_id, backend.name, type(fault).__name__)
        self._ticket.leave_backend()
        fault.with_traceback(None)  # its frames hold what was read: attempts would keep that until the call is over
        self.failures.append((backend.name, fault))
        self._had[backend] = self._had.get(backend, 0) + 1
        if not isinstance(fault, (UpstreamDenied, UpstreamThrottled)):  # with another key it is as good as new
            self._asked[backend] = fault.retry_after

    def _refusal(self) -> ContinuumError:
        members, operation = self._plan.group.members, self._call.operation
        if self.failures:
            return exhausted(self._plan.model, self.failures)
        if not self._plan.group.has(operation):
            return Unsupported(f"no backend of this model takes a {operation} request", param="model")
        if any(backend.breaker.saturated for backend in members):
            return CircuitOpen(
                "Every backend of this model is on trial after failures; its trials are all under way",
                retry_after=TRIAL_PAUSE,
                details={"candidates": {backend.name: backend.breaker.state for backend in members[:MAX_NAMED]}},
            )
        return self._ticket.all_full()
