"""What would be tried for a call, and why: decided as the engine does, by a planner of its own, and nothing is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from continuum.backends.ejection import ejection
from continuum.chat import ChatRequest
from continuum.core.call import Call
from continuum.core.plan import Planner
from continuum.core.screen import Screen
from continuum.errors import ContinuumError

if TYPE_CHECKING:
    from collections.abc import Collection

    from continuum.backends.backend import Backend
    from continuum.backends.pool import Pool
    from continuum.config import Config
    from continuum.core.plan import Plan

__all__ = ["Considered", "Explanation", "explain"]


@dataclass(frozen=True, slots=True)
class Considered:
    """A backend that serves the model. reason: why it may be chosen, or not."""

    backend: Backend
    upstream: str
    usable: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer. chosen: whom a strategy that has chosen nobody yet would take; those that take turns may be
    elsewhere in theirs.
    """

    model: str
    strategy: str
    candidates: list[Considered]
    chosen: str | None
    error: str | None


def explain(config: Config, pool: Pool, model: str, affinity: str | None) -> Explanation:
    """What a chat request for `model` would meet now."""
    call = Call.of_chat(ChatRequest(model, []), request_id="", affinity=affinity)
    try:
        plan = Planner(config.routing, pool).plan(model)
    except ContinuumError as fault:
        return Explanation(model, config.routing.selection_strategy, [], None, fault.message)
    out: Collection[Backend] = plan.group.members
    error = None
    try:
        screen = Screen(pool.availability, panic_threshold=config.health_checks.panic_threshold)
        out = screen.out(plan.group.members, trio.current_time())
        chosen = plan.group.choose(call, (), out)
    except ContinuumError as fault:
        chosen, error = None, fault.message
    considered = [_considered(backend, plan, call, out) for backend in plan.group.members]
    name = chosen.name if chosen is not None else None
    return Explanation(plan.model, plan.group.strategy, considered, name, error)


def _considered(backend: Backend, plan: Plan, call: Call, out: Collection[Backend]) -> Considered:
    usable, reason = True, "can be chosen"
    if backend in out:
        usable, reason = False, _why_out(backend)
    elif backend.full:
        usable, reason = False, "is at its limit of concurrent requests"
    elif call.operation not in backend.provider.paths:
        usable, reason = False, "takes no such requests"
    return Considered(backend, plan.upstream(backend), usable, reason)


def _why_out(backend: Backend) -> str:
    now = trio.current_time()
    if (ejected := ejection(backend, now)) is not None:
        return "its circuit is open" if ejected.reason == "circuit_open" else f"is {ejected.reason}"
    if backend.keys.resting(now) is not None:
        return "its keys rest: the backend refused or throttled them"
    return "others go first"
