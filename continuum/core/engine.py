"""The one door to the backends: plan, choose, try, and try elsewhere while nothing was passed on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio

from continuum.core.patience import Patience
from continuum.core.plan import Planner
from continuum.core.reply import Reply
from continuum.core.screen import Screen
from continuum.core.target import Target
from continuum.resilience.retry import Retries, Tries

if TYPE_CHECKING:
    from continuum.backends.pool import Pool
    from continuum.config import Config
    from continuum.core.call import Call

__all__ = ["Engine"]


class Engine:
    """Answers calls with the backends of one pool. retries: those of the engine that this one follows."""

    def __init__(self, config: Config, pool: Pool, *, retries: Retries | None = None) -> None:
        self.retries = retries or Retries(config.retry)
        self._timeouts = config.timeouts
        self._planner = Planner(config.routing, pool)
        self._screen = Screen(pool.availability, panic_threshold=config.health_checks.panic_threshold)

    async def open(self, call: Call) -> Reply:
        """The reply, once its first content or the whole of it is here. Raises ContinuumError."""
        now = trio.current_time()
        callers_by = math.inf if call.timeout is None else now + call.timeout
        plan = self._planner.plan(call.model)
        call.principal.need_model(plan.listed)
        patience = Patience(self._timeouts.of(plan.listed), stream=call.stream, callers_by=callers_by, now=now)
        tries = Tries(self.retries)
        tries.begin()
        try:
            attempt = await Target(call, plan, self._screen, tries, patience).open()
        except BaseException:
            tries.end()
            raise
        return Reply(call, attempt, tries, model=plan.model)
