"""Consistent hashing with bounded load, for the strategies that differ in their key alone; none in itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from math import ceil

from continuum.selection.base import WINDOW, C, Candidate, Candidates, Hint
from continuum.selection.least_in_flight import LeastInFlight
from continuum.selection.ring import Ring, ring_of

__all__ = ["BoundedHash"]

_STEPS = 32
"""Members that are asked, along the ring, for room. That is all of most groups; of the others, with the usual bound,
a fifth have room at the worst."""


class BoundedHash:
    """A key's owner takes its calls, up to its share of the load times a factor; above it, the next on the ring that
    has room. Where that search ends, and for calls without a key, the least busy one.
    """

    def __init__(self, max_load_factor: float) -> None:
        self._factor = max_load_factor
        self._members: Sequence[Candidate] = ()
        self._ring = Ring(())
        self._load = _Load(0)
        self._anybody = LeastInFlight()

    def choose_for(self, key: str | None, candidates: Candidates[C], hint: Hint) -> C | None:
        """The owner of the key, or who stands in for it."""
        if not key:
            return self._anybody.choose(candidates, hint)
        members = candidates.members
        if members is not self._members:
            self._members, self._load = members, _Load(len(members))
            self._ring = ring_of(tuple((member.name, member.weight) for member in members))
        unit = 0.0
        for position in islice(self._ring.walk(key), _STEPS):
            member = members[position]
            if not candidates.usable(member):
                continue
            if not member.in_flight:  # whatever the bound, it allows one
                return member
            unit = unit or self._load.refreshed(candidates) * self._factor
            if member.in_flight < ceil(unit * member.weight):
                return member
        return self._anybody.choose(candidates, hint)


class _Load:
    """What the usable members hold together. Each look counts at most WINDOW of them anew and takes the others as
    they were: exact for so many, and of a flat cost for more.
    """

    def __init__(self, size: int) -> None:
        self._counted = [(0, 0)] * size
        self._in_flight = 0
        self._weight = 0
        self._next = 0

    def refreshed(self, candidates: Candidates[C]) -> float:
        """Requests per unit of weight, the one that is being placed included."""
        counted, size = self._counted, len(self._counted)
        for turn in range(self._next, self._next + min(size, WINDOW)):
            position = turn % size
            member = candidates.members[position]
            now = (member.in_flight, member.weight) if candidates.usable(member) else (0, 0)
            self._in_flight += now[0] - counted[position][0]
            self._weight += now[1] - counted[position][1]
            counted[position] = now
        self._next = (self._next + WINDOW) % size
        return (self._in_flight + 1) / max(self._weight, 1)
