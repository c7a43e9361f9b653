"""Rate limits at work: what a call takes before it is made, and what it gives back or owes once it is over.

Who is refused is told which limit it was, in words that name nobody else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from continuum.core.classify import try_again
from continuum.core.quotas import Measure, Quotas, Scope
from continuum.errors import ContinuumError, RateLimited
from continuum.metrics.instruments import RATE_LIMITED
from continuum.storage.limits import Ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from continuum.chat import GlobalPrompt, Usage
    from continuum.config import RateLimiting
    from continuum.core.call import Call
    from continuum.core.quotas import Quota, Subject
    from continuum.metrics import Meter
    from continuum.storage.limits import LimitStore, Taken

__all__ = ["Level", "Limits", "Standing", "Ticket"]

_SLOT_WAIT: Final = 1.0
"""Seconds after which another try makes sense where a request under way has to end first."""


@dataclass(frozen=True, slots=True)
class Level:
    """How full a bucket is. reset: seconds until it is full."""

    limit: int
    remaining: int
    reset: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands, as far as it is limited."""

    requests: Level | None = None
    tokens: Level | None = None


class Limits:
    """The limits of one router. What was counted stays when they change. meter: where refusals are counted."""

    def __init__(self, section: RateLimiting, store: LimitStore, meter: Meter) -> None:
        self.store = store
        self.meter = meter
        self.quotas = Quotas(section)

    def retune(self, section: RateLimiting) -> None:
        """Hold to this section from now on. Buckets keep what is in them."""
        self.quotas = Quotas(section)

    async def admit(self, call: Call, prompt: GlobalPrompt | None = None) -> Ticket:
        """What the call takes of its caller and of everybody together. prompt: what may be put into it. Raises
        RateLimited.
        """
        callers = self.quotas.callers(call.principal, call.client)
        ticket = Ticket(self, call, prompt, limited=callers is not None)
        await ticket.enter(callers or ())
        return ticket


@dataclass(slots=True)
class _Charge:
    """Something taken. amount: as much as was really there to take."""

    subject: Subject
    measure: Measure
    ask: Ask


class Ticket:
    """What one call has taken. `close` it however the call ends; only the first close counts.

    standing: the caller's own, for its answer's headers; None where it has no limit.
    """

    __slots__ = ("_call", "_charges", "_estimate", "_limited", "_limits", "_prompt", "_wait", "standing")

    def __init__(self, limits: Limits, call: Call, prompt: GlobalPrompt | None, *, limited: bool) -> None:
        self._limits = limits
        self._call = call
        self._prompt = prompt
        self._limited = limited
        self._charges: list[_Charge] = []
        self._estimate: tuple[int, int] | None = None
        self._wait = math.inf
        self.standing: Standing | None = None

    async def enter(self, callers: Sequence[Subject]) -> None:
        """Take from who calls, and from everybody together."""
        if not callers:
            return
        refused, taken = await self._take(callers)
        own = callers[0]
        if own.scope is not Scope.GLOBAL:
            self.standing = _standing(own, callers, taken)
        if refused is not None:
            raise self._refusal(refused, callers, taken)

    async def take_model(self, name: str) -> None:
        """Take for a call to this model; what was taken for another model before is given back. Raises RateLimited."""
        subjects = self._limits.quotas.model(name) if self._limited else ()
        if not subjects:
            return
        self._give_back(Scope.MODEL)
        refused, taken = await self._take(subjects)
        if refused is not None:
            raise self._refusal(refused, subjects, taken)

    async def take_backend(self, name: str) -> bool:
        """Take for an attempt at this backend; False where it is at its limit."""
        subjects = self._limits.quotas.backend(name) if self._limited else ()
        if not subjects:
            return True
        refused, taken = await self._take(subjects)
        self._wait = min(self._wait, taken.wait) if refused is not None else self._wait
        return refused is None

    def leave_backend(self, *, tried: bool = True) -> None:
        """The attempt failed: its request counts, its tokens and its slot are free. Where it was not tried, all is."""
        self._give_back(Scope.BACKEND, requests=not tried)

    def all_full(self) -> RateLimited:
        """What the caller is told where every backend is at its limit."""
        wait = self._wait if math.isfinite(self._wait) else _SLOT_WAIT
        self._limits.meter.count(RATE_LIMITED, Scope.BACKEND.label)
        return RateLimited(
            f"Every backend of this model is at its limit; {try_again(wait)}",
            retry_after=wait,
            details={"limit": Scope.BACKEND.label, "standing": self.standing},
        )

    def abandon(self, fault: BaseException) -> None:
        """There is no reply. A call that a limit of ours refused has cost nothing; of another its request counts.
        What callers are told of any fault says where they stand.
        """
        if isinstance(fault, ContinuumError):
            fault.details.setdefault("standing", self.standing)
        refused = isinstance(fault, RateLimited) and "limit" in fault.details
        charges, self._charges = self._charges, []
        for each in charges:
            if refused or each.measure is not Measure.REQUESTS:
                self._limits.store.settle(each.ask, -each.ask.amount)

    def close(self, usage: Usage | None, passed_on: int) -> None:
        """The call is over. usage: as reported; passed_on: tokens seen to go by, for an answer that reported none."""
        charges, self._charges = self._charges, []
        for each in charges:
            if each.measure is Measure.SLOTS:
                self._limits.store.settle(each.ask, -each.ask.amount)
            elif each.measure is Measure.TOKENS:
                prompt, _ = self._estimated()
                used = prompt + passed_on if usage is None else usage.input_tokens + usage.output_tokens
                self._limits.store.settle(each.ask, used - each.ask.amount)

    def _give_back(self, scope: Scope, *, requests: bool = False) -> None:
        kept: list[_Charge] = []
        for each in self._charges:
            if each.subject.scope is not scope:
                kept.append(each)
            elif requests or each.measure is not Measure.REQUESTS:
                self._limits.store.settle(each.ask, -each.ask.amount)
        self._charges = kept

    async def _take(self, subjects: Sequence[Subject]) -> tuple[tuple[Subject, Quota] | None, Taken]:
        """Whose quota refused, None where all was granted; and what the store said."""
        charges = [
            _Charge(subject, quota.measure, self._ask(subject, quota))
            for subject in subjects
            for quota in subject.quotas
        ]
        taken = await self._limits.store.take([each.ask for each in charges])
        if taken.refused is None:
            self._charges += charges
            return None, taken
        quotas = [(subject, quota) for subject in subjects for quota in subject.quotas]
        return quotas[taken.refused], taken

    def _refusal(self, refused: tuple[Subject, Quota], subjects: Sequence[Subject], taken: Taken) -> RateLimited:
        subject, quota = refused
        wait = taken.wait if math.isfinite(taken.wait) else _SLOT_WAIT
        self._limits.meter.count(RATE_LIMITED, subject.scope.label)
        return RateLimited(
            f"Rate limit of {quota.words} for {subject.scope.words} reached; {try_again(wait)}",
            retry_after=wait,
            details={"limit": subject.scope.label, "standing": _standing(subject, subjects, taken)},
        )

    def _ask(self, subject: Subject, quota: Quota) -> Ask:
        key = f"{subject.key}:{quota.measure.value}"
        amount = sum(self._estimated()) if quota.measure is Measure.TOKENS else 1
        return Ask(key, quota.rate, quota.capacity, min(amount, quota.capacity))

    def _estimated(self) -> tuple[int, int]:
        if self._estimate is None:
            self._estimate = self._call.estimate(self._prompt)
        return self._estimate


def _standing(whose: Subject, subjects: Sequence[Subject], taken: Taken) -> Standing:
    first = sum(len(each.quotas) for each in subjects[: subjects.index(whose)])
    levels = {
        quota.measure: _level(quota, level)
        for quota, level in zip(whose.quotas, taken.levels[first:], strict=False)
        if quota.rate
    }
    return Standing(levels.get(Measure.REQUESTS), levels.get(Measure.TOKENS))


def _level(quota: Quota, level: float) -> Level:
    remaining = min(int(quota.capacity), max(0, math.floor(level + 1e-6)))
    return Level(int(quota.capacity), remaining, max(0.0, (quota.capacity - level) / quota.rate))
