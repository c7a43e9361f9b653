"""Counters of one router, in memory: counted anywhere, read by whoever shows them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.metrics.instruments import Instrument

__all__ = ["Counters"]


class Counters:
    """Instrument and label values to how often."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Instrument, tuple[str, ...]]] = Counter()

    def count(self, instrument: Instrument, *labels: str) -> None:
        """Once more. labels: in the instrument's order."""
        if len(labels) != len(instrument.labels):
            raise ValueError(f"{instrument.name} takes the labels {instrument.labels}")
        self._counts[instrument, labels] += 1

    def value(self, instrument: Instrument, *labels: str) -> int:
        """How often so far."""
        return self._counts[instrument, labels]

    def all(self) -> Mapping[tuple[Instrument, tuple[str, ...]], int]:
        """Everything that was counted."""
        return dict(self._counts)
