"""Least latency: the one expected to give its first content soonest."""

from __future__ import annotations

from itertools import islice
from math import inf

from continuum.selection.base import WINDOW, C, Candidates, Hint, Settings, StrategyRow

__all__ = ["ROW", "LeastLatency"]

_ON_TRIAL = 1e9
"""Seconds that nobody takes: one who is being tried comes after all who are known, the least busy first."""


class LeastLatency:
    """Compares those whose turn it is, at most WINDOW, by latency times the requests they would then hold: the
    fastest one is not run over by everybody at once. Who is level is taken in turn.

    One that was never measured is tried at once, with one request; until that told something, it is the last resort.
    """

    def __init__(self) -> None:
        self._turn = 0

    def choose(self, candidates: Candidates[C], hint: Hint) -> C | None:
        """The one that is untried and idle, else the fastest for its load."""
        del hint
        best: C | None = None
        least, place = inf, self._turn - 1
        for position, member in islice(candidates.from_turn(self._turn), WINDOW):
            latency, in_flight = member.latency, member.in_flight
            if latency is not None:
                cost = latency * (in_flight + 1)
            elif in_flight:
                cost = _ON_TRIAL * in_flight
            else:
                best, place = member, position
                break
            if cost < least:
                best, least, place = member, cost, position
        self._turn = place + 1
        return best


def _make(settings: Settings) -> LeastLatency:
    del settings
    return LeastLatency()


ROW = StrategyRow("LeastLatency", _make)
