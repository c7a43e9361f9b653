"""Weighted round robin: each in turn, as often as its weight says, evenly spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heapreplace

from continuum.selection.base import C, Candidate, Candidates, Hint, Settings, StrategyRow

__all__ = ["ROW", "WeightedRoundRobin"]

_SLOTS = 128
"""Slots of the cycle that one choice may find unusable before it takes whoever is usable."""


class WeightedRoundRobin:
    """Goes round a cycle in which each member has as many slots as its weight. A member that cannot take a call
    loses its slot; the others keep their shares.
    """

    def __init__(self) -> None:
        self._members: Sequence[Candidate] = ()
        self._cycle: Iterator[int] = iter(())

    def choose(self, candidates: Candidates[C], hint: Hint) -> C | None:
        """The candidate whose slot it is."""
        del hint
        members = candidates.members
        if members is not self._members:
            self._members, self._cycle = members, _cycle([member.weight for member in members])
        position = 0
        for _ in range(_SLOTS):
            position = next(self._cycle)
            if candidates.usable(members[position]):
                return members[position]
        return next((member for _, member in candidates.from_turn(position)), None)


def _cycle(weights: Sequence[int]) -> Iterator[int]:
    """Positions without end: in each run of sum(weights) from the start, each position as often as its weight.

    Those of one weight take turns and share a timetable: the k-th of a round's n slots is due at (k + 1/2) / n.
    So a step costs one look at the (at most 100) timetables, whatever the number of members.
    """
    sharing: dict[int, list[int]] = {}
    for position, weight in enumerate(weights):
        sharing.setdefault(weight, []).append(position)
    timetables = [(weight * len(positions), positions) for weight, positions in sharing.items()]
    due = [(0, 0.5 / slots, table, 0) for table, (slots, _) in enumerate(timetables)]
    heapify(due)
    while True:
        round_, _, table, slot = due[0]
        slots, positions = timetables[table]
        yield positions[slot % len(positions)]
        slot += 1
        if slot == slots:
            round_, slot = round_ + 1, 0
        heapreplace(due, (round_, (slot + 0.5) / slots, table, slot))


def _make(settings: Settings) -> WeightedRoundRobin:
    del settings
    return WeightedRoundRobin()


ROW = StrategyRow("WeightedRoundRobin", _make)
