"""What one router has measured, in memory: recorded anywhere, read by whoever shows it.

Recording costs two lookups and an addition; labels are only judged when a set of them comes for the first time.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.metrics.instruments import Instrument

__all__ = ["OTHER", "Histogram", "Labels", "Limits", "Meter"]

Labels = tuple[str, ...]

OTHER: Final = "other"
"""The value of a label for what is over a limit of cardinality."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many series an instrument may have. sets: of label values. values: of one label."""

    sets: int = 100
    values: int = 1000


@dataclass(slots=True)
class Histogram:
    """Values by bucket; the last count is of those above every bound."""

    counts: list[int]
    sum: float = 0.0

    def copy(self) -> Histogram:
        """As it is now."""
        return Histogram(list(self.counts), self.sum)


@dataclass(slots=True)
class _Family:
    """The series of one instrument. known: which values each label has had."""

    known: list[set[str]]
    counts: dict[Labels, float] = field(default_factory=dict[Labels, float])
    histograms: dict[Labels, Histogram] = field(default_factory=dict[Labels, Histogram])
    aliases: dict[Labels, Labels] = field(default_factory=dict[Labels, Labels])
    """What over-many label sets are counted as; bounded, since it is made anew when it is full."""

    def admit(self, labels: Labels, limits: Limits) -> Labels:
        """Where this new set of labels is counted."""
        if labels in self.aliases:
            return self.aliases[labels]
        admitted = tuple(
            value if value in known or len(known) < limits.values else OTHER
            for value, known in zip(labels, self.known, strict=True)
        )
        taken = self.histograms or self.counts
        if admitted not in taken and len(taken) >= limits.sets - 1:  # the last is for all that are over
            admitted = (OTHER,) * len(labels)
        for value, known in zip(admitted, self.known, strict=True):
            if value != OTHER:
                known.add(value)
        if admitted != labels:
            if len(self.aliases) >= limits.sets:
                self.aliases.clear()
            self.aliases[labels] = admitted
        return admitted


class Meter:
    """Instrument and label values to a count or a histogram. enabled: whether anything is recorded."""

    def __init__(self, limits: Limits = Limits(), *, enabled: bool = True) -> None:
        self.limits = limits
        self.enabled = enabled
        self._families: dict[Instrument, _Family] = {}

    def retune(self, limits: Limits, *, enabled: bool) -> None:
        """Go by these from now on. What was counted stays."""
        self.limits, self.enabled = limits, enabled

    def count(self, instrument: Instrument, *labels: str, by: float = 1) -> None:
        """So much more. labels: in the instrument's order."""
        if not self.enabled:
            return
        family = self._families.get(instrument)
        if family is not None and labels in family.counts:  # nearly always
            family.counts[labels] += by
            return
        family = self._family(instrument, labels)
        admitted = family.admit(labels, self.limits)
        family.counts[admitted] = family.counts.get(admitted, 0) + by

    def observe(self, instrument: Instrument, value: float, *labels: str) -> None:
        """One more value of a histogram."""
        if not self.enabled:
            return
        family = self._families.get(instrument)
        histogram = None if family is None else family.histograms.get(labels)
        if histogram is None:
            family = self._family(instrument, labels)
            admitted = family.admit(labels, self.limits)
            empty = Histogram([0] * (len(instrument.buckets) + 1))
            histogram = family.histograms.setdefault(admitted, empty)
        histogram.counts[bisect_left(instrument.buckets, value)] += 1
        histogram.sum += value

    def value(self, instrument: Instrument, *labels: str) -> float:
        """What was counted so far."""
        family = self._families.get(instrument)
        return 0 if family is None else family.counts.get(labels, 0)

    def counts(self, instrument: Instrument) -> Mapping[Labels, float]:
        """Everything that was counted, as it is now."""
        family = self._families.get(instrument)
        return {} if family is None else dict(family.counts)

    def histograms(self, instrument: Instrument) -> Mapping[Labels, Histogram]:
        """Every histogram, as it is now."""
        family = self._families.get(instrument)
        return {} if family is None else {labels: each.copy() for labels, each in family.histograms.items()}

    def _family(self, instrument: Instrument, labels: Labels) -> _Family:
        family = self._families.get(instrument)
        if family is None:
            family = self._families[instrument] = _Family([set() for _ in instrument.labels])
        if len(labels) != len(instrument.labels):
            raise ValueError(f"{instrument.name} takes the labels {instrument.labels}")
        return family
