"""Which of the backends that can take a call takes it: the table of strategies, one file each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from continuum.selection import round_robin
from continuum.selection.base import Candidate, Strategy, StrategyRow

__all__ = ["DEFAULT", "STRATEGIES", "Candidate", "Strategy", "StrategyRow"]

STRATEGIES: Mapping[str, StrategyRow] = MappingProxyType({row.name: row for row in (round_robin.ROW,)})

DEFAULT = round_robin.ROW.name
"""The strategy when none is configured."""
