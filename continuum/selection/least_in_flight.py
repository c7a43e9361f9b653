"""Least in flight: the one that holds the fewest requests."""

from __future__ import annotations

from itertools import islice

from continuum.selection.base import WINDOW, C, Candidates, Hint, Settings, StrategyRow

__all__ = ["ROW", "LeastInFlight"]


class LeastInFlight:
    """Compares those whose turn it is, at most WINDOW; who is level is taken in turn."""

    def __init__(self) -> None:
        self._turn = 0

    def choose(self, candidates: Candidates[C], hint: Hint) -> C | None:
        """The least busy one."""
        del hint
        best: C | None = None
        fewest, place = 0, self._turn - 1
        for position, member in islice(candidates.from_turn(self._turn), WINDOW):
            in_flight = member.in_flight
            if best is None or in_flight < fewest:
                best, fewest, place = member, in_flight, position
                if not fewest:
                    break
        self._turn = place + 1
        return best


def _make(settings: Settings) -> LeastInFlight:
    del settings
    return LeastInFlight()


ROW = StrategyRow("LeastInFlight", _make)
