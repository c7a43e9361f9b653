"""Random: any of them, all alike."""

from __future__ import annotations

from random import Random as Generator

from continuum.selection.base import C, Candidates, Hint, Settings, StrategyRow

__all__ = ["ROW", "Random"]

_DRAWS = 128
"""Draws before the usable ones are counted: with nine of ten unusable, one choice of 700,000 gets there."""


class Random:
    """Draws until it meets one that can take the call: each of those is equally likely."""

    def __init__(self, rng: Generator | None = None) -> None:
        self._rng = rng or Generator()  # noqa: S311 - spreads load, keeps no secret

    def choose(self, candidates: Candidates[C], hint: Hint) -> C | None:
        """Any usable one."""
        del hint
        members, draw = candidates.members, self._rng.random
        for _ in range(_DRAWS):
            member = members[int(draw() * len(members))]
            if candidates.usable(member):
                return member
        usable = [member for _, member in candidates.from_turn(0)]
        return self._rng.choice(usable) if usable else None


def _make(settings: Settings) -> Random:
    del settings
    return Random()


ROW = StrategyRow("Random", _make)
