"""The one door to the backends: plan, choose, try, and try elsewhere while nothing was passed on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from continuum.backends.catalog import Served
from continuum.core.attempt import Attempt
from continuum.core.classify import exhausted, tried
from continuum.core.plan import Planner
from continuum.core.reply import Reply
from continuum.core.screen import Screen
from continuum.errors import NoBackendAvailable, Unsupported, UpstreamDenied, UpstreamError, UpstreamThrottled

if TYPE_CHECKING:
    from continuum.backends.backend import Backend
    from continuum.backends.pool import Pool
    from continuum.config import Config
    from continuum.core.call import Call

__all__ = ["Engine"]

_log = logging.getLogger("continuum.core")

MAX_ATTEMPTS = 2
"""Backends that one call may be tried at."""


class Engine:
    """Answers calls with the backends of one pool."""

    def __init__(self, config: Config, pool: Pool) -> None:
        self._config = config
        self._planner = Planner(config.routing, pool)
        self._screen = Screen(pool.availability, panic_threshold=config.health_checks.panic_threshold)

    async def open(self, call: Call) -> Reply:
        """The reply, once its first content or the whole of it is here. Raises ContinuumError."""
        plan = self._planner.plan(call.model)
        call.principal.need_model(plan.listed)
        passed: list[Backend] = []
        failures: list[tuple[str, UpstreamError]] = []
        other_keys: list[Backend] = []
        out = self._screen.out(plan.group.members, trio.current_time())
        while len(failures) < MAX_ATTEMPTS:
            backend = plan.group.choose(call, passed, out)
            if backend is None and other_keys:  # backends that were not tried yet come first
                passed = [each for each in passed if each not in other_keys]
                other_keys.clear()
                backend = plan.group.choose(call, passed, out)
            if backend is None:
                break
            attempt = Attempt(call, Served(backend, plan.upstream(backend)), self._config.timeouts)
            try:
                await attempt.open()
            except UpstreamError as fault:
                # Not the message: a backend that rejects a request may quote the prompt.
                _log.warning("%s attempt at %s failed: %s", call.request_id, backend.name, type(fault).__name__)
                passed.append(backend)
                failures.append((backend.name, fault))
                if not fault.retryable:
                    fault.details.update(tried(plan.model, failures))
                    raise
                if _another_key(backend, fault):
                    other_keys.append(backend)
            else:
                return Reply(call, attempt, model=plan.model, attempts=len(failures) + 1)
        if not failures and not plan.group.has(call.operation):
            raise Unsupported(f"no backend of this model takes a {call.operation} request", param="model")
        if not failures:
            raise NoBackendAvailable("Every backend of this model is at its limit of concurrent requests")
        raise exhausted(plan.model, failures)


def _another_key(backend: Backend, fault: UpstreamError) -> bool:
    """Whether the backend may answer after all: it would not have this key, and another one is not resting."""
    refused = isinstance(fault, (UpstreamDenied, UpstreamThrottled))
    return refused and backend.keys.resting(trio.current_time()) is None
