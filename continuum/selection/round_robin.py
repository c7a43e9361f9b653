"""Round robin: each in turn."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from continuum.selection.base import C, StrategyRow

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ROW", "RoundRobin"]


class RoundRobin:
    """Takes the next position at each call, whatever the candidates are."""

    def __init__(self) -> None:
        self._turns: Iterator[int] = itertools.count()

    def choose(self, candidates: Sequence[C]) -> C:
        """The candidate whose turn it is."""
        return candidates[next(self._turns) % len(candidates)]


ROW = StrategyRow("RoundRobin", RoundRobin)
