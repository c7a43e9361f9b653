"""The one door to the backends: plan, choose, try, and try elsewhere while nothing was passed on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from continuum.core.attempt import Attempt
from continuum.core.classify import exhausted, tried
from continuum.core.plan import plan
from continuum.core.reply import Reply
from continuum.errors import NoBackendAvailable, UpstreamError
from continuum.selection import STRATEGIES

if TYPE_CHECKING:
    from continuum.backends.catalog import Served
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
        self._catalog = pool.catalog
        self._strategy = STRATEGIES[config.routing.selection_strategy].make()

    async def open(self, call: Call) -> Reply:
        """The reply, once its first content or the whole of it is here. Raises ContinuumError."""
        chosen = plan(call.model, self._config.routing.aliases, self._catalog)
        failures: list[tuple[str, UpstreamError]] = []
        candidates: list[Served] = [served for served in chosen.served if not served.backend.full]
        if not candidates:
            raise NoBackendAvailable("Every backend of this model is at its limit of concurrent requests")
        while candidates and len(failures) < MAX_ATTEMPTS:
            served = self._strategy.choose(candidates)
            attempt = Attempt(call, served, self._config.timeouts)
            try:
                await attempt.open()
            except UpstreamError as fault:
                # Not the message: a backend that rejects a request may quote the prompt.
                _log.warning("%s attempt at %s failed: %s", call.request_id, served.name, type(fault).__name__)
                failures.append((served.name, fault))
                if not fault.retryable:
                    fault.details.update(tried(chosen.model, failures))
                    raise
                candidates = [each for each in candidates if each is not served]
            else:
                return Reply(call, attempt, model=chosen.model, attempts=len(failures) + 1)
        raise exhausted(chosen.model, failures)
