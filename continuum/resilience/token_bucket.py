"""A token bucket: what may be used now, decided over a clock's numbers, nothing awaited.

It fills at `rate` units a second up to `capacity`. More than is there can be owed afterwards: what an answer costs is
known only when it is over.
"""

from __future__ import annotations

import math
from typing import Final

__all__ = ["LONGEST_DEBT", "TokenBucket"]

LONGEST_DEBT: Final = 3600.0
"""Seconds of filling that can be owed at most: no figure a server reports locks a caller out for good."""

_LITTLE: Final = 1e-6
"""Less than this is rounding, not a missing unit."""


class TokenBucket:
    """Full at first. Times are seconds of any one monotonic clock. A rate of 0: only what is given back comes back."""

    __slots__ = ("_at", "_level", "capacity", "rate")

    def __init__(self, rate: float, capacity: float, now: float) -> None:
        self.rate = rate
        self.capacity = capacity
        self._level = capacity
        self._at = now

    def level(self, now: float) -> float:
        """What is there; below 0 is owed."""
        if now > self._at:
            if self._level < self.capacity:
                self._level = min(self.capacity, self._level + (now - self._at) * self.rate)
            self._at = now
        return self._level

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `take` would grant it; infinite where no time alone helps.

        Who asks for more than there can ever be waits until all is there.
        """
        missing = min(amount, self.capacity) - self.level(now)
        if missing <= _LITTLE:
            return 0.0
        return missing / self.rate if self.rate else math.inf

    def take(self, amount: float, now: float) -> bool:
        """Take it, if it is there; whether it was."""
        if self.wait(amount, now):
            return False
        self._level -= min(amount, self.capacity)
        return True

    def settle(self, amount: float, now: float) -> None:
        """Take more than was taken before, even what is not there; where negative, give back, never beyond full."""
        floor = -LONGEST_DEBT * self.rate if self.rate else -math.inf
        self._level = min(self.capacity, max(floor, self.level(now) - amount))

    def full(self, now: float) -> bool:
        """Whether nothing is missing: then it is as good as a new one."""
        return self.level(now) >= self.capacity - _LITTLE

    def retune(self, rate: float, capacity: float, now: float) -> None:
        """Fill at another rate, to another height, from now on. What is there stays, up to the new capacity; a full
        one is full again, slots keep what is held.
        """
        level = self.level(now)
        if self.rate == rate == 0.0:
            level += capacity - self.capacity
        elif level >= self.capacity - _LITTLE:
            level = capacity
        self.rate, self.capacity, self._level = rate, capacity, min(level, capacity)
