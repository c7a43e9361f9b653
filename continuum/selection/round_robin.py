"""Round robin: each in turn."""

from __future__ import annotations

from continuum.selection.base import C, Candidates, Hint, Settings, StrategyRow

__all__ = ["ROW", "RoundRobin"]


class RoundRobin:
    """Takes the next one; who cannot take a call is passed over, and the turn goes on behind the one who can."""

    def __init__(self) -> None:
        self._turn = 0

    def choose(self, candidates: Candidates[C], hint: Hint) -> C | None:
        """The candidate whose turn it is."""
        del hint
        for position, member in candidates.from_turn(self._turn):
            self._turn = position + 1
            return member
        return None


def _make(settings: Settings) -> RoundRobin:
    del settings
    return RoundRobin()


ROW = StrategyRow("RoundRobin", _make)
