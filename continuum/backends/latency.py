"""How long a backend takes to its first content: an average that forgets. No clock of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from continuum.backends.outcome import Outcome

__all__ = ["FAILED", "HALF_LIFE", "Latency"]

HALF_LIFE = 60.0
"""Seconds in which what was seen loses half its weight, and its height: a slow backend is tried again in time."""

FAILED = 10.0
"""Seconds that a failure counts as: it came quickly, and is no reason to come back for more."""

_SHARE = 0.3
"""Of a new figure in the average, while the old ones are fresh."""


class Latency:
    """Seconds, exponentially weighted by number and by age; None until something was seen. Times are the caller's."""

    __slots__ = ("_average", "_seen_at")

    def __init__(self) -> None:
        self._average: float | None = None
        self._seen_at = 0.0

    def at(self, now: float) -> float | None:
        """The average as it is worth now."""
        if self._average is None:
            return None
        return self._average * self._freshness(now)

    def record(self, outcome: Outcome, now: float) -> None:
        """Take in an attempt's end. A caller who left before the first content waited at least that long."""
        if outcome.first_content is not None:
            self._learn(outcome.first_content, now)
        elif outcome.counts:
            self._learn(FAILED, now)
        elif outcome.cancelled and self._average is not None and outcome.total > self._average:
            self._learn(outcome.total, now)

    def _learn(self, seconds: float, now: float) -> None:
        old = 0.0 if self._average is None else (1 - _SHARE) * self._freshness(now)
        self._average = seconds if self._average is None else old * self._average + (1 - old) * seconds
        self._seen_at = now

    def _freshness(self, now: float) -> float:
        return float(0.5 ** ((now - self._seen_at) / HALF_LIFE))
