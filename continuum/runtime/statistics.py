"""What was asked since the start and how it went: in all, and by backend, model and client key. Bounded, in memory."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from continuum.chat import Usage
    from continuum.core import Ending

__all__ = ["Series", "Spread", "Statistics"]

_STEP: Final = math.log(1.05)
"""Neighbouring buckets of a spread lie 5 % apart: so exact are its percentiles."""
_LEAST: Final = 1e-4  # seconds
_MOST_NAMES: Final = 1000
_OTHERS: Final = "(others)"
"""Further names share one series: who may choose names does not choose our memory."""


@dataclass(slots=True)
class Spread:
    """Times, kept as how many fell near which: near, by bucket."""

    near: Counter[int] = field(default_factory=Counter[int])

    def percentile(self, share: float) -> float | None:
        """Seconds that this share took at most; None where there is nothing."""
        left = math.ceil(share * self.near.total())
        for place in sorted(self.near):
            left -= self.near[place]
            if left <= 0:
                return _LEAST * math.exp(place * _STEP)
        return None


@dataclass(slots=True)
class Series:
    """Counts of one thing. cost: US dollars of the calls that are priced; those with usage and without a price are
    unpriced.
    """

    requests: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    priced: int = 0
    unpriced: int = 0
    cost: float = 0.0
    latency: Spread = field(default_factory=Spread)
    ttft: Spread = field(default_factory=Spread)

    def spend(self, usage: Usage, cost: float | None) -> None:
        """Add what one call used."""
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        if cost is None:
            self.unpriced += 1
        else:
            self.priced += 1
            self.cost += cost


class Statistics:
    """Counts since it was made."""

    def __init__(self) -> None:
        self.since = datetime.now(UTC)
        self.totals = Series()
        self.backends: dict[str, Series] = {}
        self.models: dict[str, Series] = {}
        self.keys: dict[str, Series] = {}

    def record(self, ending: Ending, cost: float | None) -> None:
        """Count one call. cost: US dollars, None where it is not known."""
        latency, ttft = _place(ending.total), None if ending.ttft is None else _place(ending.ttft)
        backend = None if ending.backend is None else ending.backend.name
        names = (self.backends, backend), (self.models, ending.model), (self.keys, ending.call.principal.key_id)
        for series in (self.totals, *(_series(known, name) for known, name in names if name is not None)):
            series.requests += 1
            series.errors += ending.error is not None
            series.latency.near[latency] += 1
            if ttft is not None:
                series.ttft.near[ttft] += 1
            if ending.usage is not None:
                series.spend(ending.usage, cost)


def _place(seconds: float) -> int:
    return max(0, round(math.log(max(seconds, _LEAST) / _LEAST) / _STEP))


def _series(known: dict[str, Series], name: str) -> Series:
    series = known.get(name)
    if series is None:
        series = known.setdefault(name if len(known) < _MOST_NAMES else _OTHERS, Series())
    return series
