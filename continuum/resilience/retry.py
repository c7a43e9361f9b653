"""Retries: whether a failed attempt is followed by another and after how long, and the budget they all share."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from continuum.config import Retry
    from continuum.config.sections.backends import RetryOverride

__all__ = ["LEAST_BUDGET", "Next", "Retries", "Tries"]

LEAST_BUDGET: Final = 3
"""Retries that may be under way at once, however few requests there are."""

_MOST_DOUBLINGS: Final = 32


@dataclass(frozen=True, slots=True)
class Next:
    """What the next attempt would be. again: attempts that its backend had in this call. asked: seconds that the
    backend wants to be left alone for, where it said so. override: what its own retry_override says.
    """

    again: int = 0
    asked: float | None = None
    override: RetryOverride | None = None


class Retries:
    """The policy of one router and the budget that its calls share.

    active: calls under way. repeating: those that hold a share of the budget.
    """

    __slots__ = ("_random", "active", "repeating", "section")

    def __init__(self, section: Retry) -> None:
        self.section = section
        self.active = 0
        self.repeating = 0
        self._random = random.Random()  # noqa: S311 - spreads load, guards nothing

    def retune(self, section: Retry) -> None:
        """Go by another section from now on, calls that are under way included."""
        self.section = section

    @property
    def budget(self) -> float:
        """Retries that may be under way now."""
        return max(LEAST_BUDGET, self.section.budget_ratio * self.active)

    def spread(self, delay: float) -> float:
        """The delay, between half of it and all: many callers do not come back in step."""
        return delay * self._random.uniform(0.5, 1) if self.section.jitter else delay


class Tries:
    """One call's attempts at one model. `begin` and `end` stand around the call; an `end` too many does nothing."""

    __slots__ = ("_been_elsewhere", "_delayed", "_holds", "_open", "_retries", "made")

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._delayed = 0
        self._been_elsewhere = self._holds = self._open = False
        self.made = 0

    def begin(self) -> None:
        """The call is under way."""
        self._retries.active += 1
        self._open = True

    def end(self) -> None:
        """The call is over: its answer is complete, or there will be none."""
        if self._open:
            self._open = False
            self._retries.active -= 1
            self._give_back()

    def more(self) -> bool:
        """Whether one more attempt may be made at all."""
        return self.made < self._retries.section.max_attempts

    def may_repeat(self, again: int, override: RetryOverride | None) -> bool:
        """Whether a backend that had so many attempts in this call may get one more."""
        return override is None or override.max_attempts is None or again < override.max_attempts

    def wait_before(self, following: Next) -> float | None:
        """Seconds to wait before the next attempt, None where there must not be one. It counts as made.

        The first attempt, and the first retry where that goes to another backend, are free and immediate. Others
        come out of the budget, and after a delay.
        """
        if not self.made or not (following.again or self._been_elsewhere):
            self._been_elsewhere = self.made > 0
            self.made += 1
            return 0.0
        if not self._take():
            return None
        wait = max(self._delay(following), min(following.asked or 0.0, self._retries.section.max_retry_after))
        if wait > self._retries.section.max_delay:
            self._give_back()
            return None  # longer than a caller is kept waiting: it is told to come back instead
        self.made += 1
        return wait

    def _delay(self, following: Next) -> float:
        section, override = self._retries.section, following.override
        own = override.base_delay if override is not None and following.again else None
        base = section.base_delay if own is None else own
        doublings = min(self._delayed, _MOST_DOUBLINGS) if section.exponential_backoff else 0
        self._delayed += 1
        return self._retries.spread(min(base * 2.0**doublings, section.max_delay))

    def _take(self) -> bool:
        """A share of the budget; the one it holds, from the attempt before, is as good."""
        if self._holds:
            return True
        if self._retries.repeating >= self._retries.budget:
            return False
        self._retries.repeating += 1
        self._holds = True
        return True

    def _give_back(self) -> None:
        if self._holds:
            self._holds = False
            self._retries.repeating -= 1
