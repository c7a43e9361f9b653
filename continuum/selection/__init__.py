"""Which of the backends that can take a call takes it: the table of strategies, one file each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from continuum.selection import (
    consistent_hash,
    least_in_flight,
    least_latency,
    prefix_aware_hash,
    random,
    round_robin,
    weighted_round_robin,
)
from continuum.selection.base import Candidate, Candidates, Hint, Settings, Strategy, StrategyRow

__all__ = ["DEFAULT", "STRATEGIES", "Candidate", "Candidates", "Hint", "Settings", "Strategy", "StrategyRow"]

STRATEGIES: Mapping[str, StrategyRow] = MappingProxyType(
    {
        row.name: row
        for row in (
            round_robin.ROW,
            weighted_round_robin.ROW,
            least_latency.ROW,
            random.ROW,
            consistent_hash.ROW,
            prefix_aware_hash.ROW,
            least_in_flight.ROW,
        )
    }
)

DEFAULT = round_robin.ROW.name
"""The strategy when none is configured."""
