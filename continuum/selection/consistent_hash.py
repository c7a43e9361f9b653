"""Consistent hash: a session stays with one backend, as long as that one has room."""

from __future__ import annotations

from continuum.selection.base import C, Candidates, Hint, Settings, StrategyRow
from continuum.selection.bounded import BoundedHash

__all__ = ["ROW", "ConsistentHash"]


class ConsistentHash(BoundedHash):
    """Keyed by the session's affinity key. When a backend leaves, only its sessions move."""

    def choose(self, candidates: Candidates[C], hint: Hint) -> C | None:
        """The session's backend, or who stands in for it."""
        return self.choose_for(hint.affinity, candidates, hint)


def _make(settings: Settings) -> ConsistentHash:
    return ConsistentHash(settings.max_load_factor)


ROW = StrategyRow("ConsistentHash", _make, wants_affinity=True)
