"""Prefix-aware hash: prompts that begin alike meet the backend that has their beginning in its cache."""

from __future__ import annotations

from continuum.selection.base import C, Candidates, Hint, Settings, StrategyRow
from continuum.selection.bounded import BoundedHash

__all__ = ["ROW", "PrefixAwareHash"]


class PrefixAwareHash(BoundedHash):
    """Keyed by the prompt's beginning. When a backend leaves, only its prompts move."""

    def choose(self, candidates: Candidates[C], hint: Hint) -> C | None:
        """The prefix's backend, or who stands in for it."""
        return self.choose_for(hint.prefix, candidates, hint)


def _make(settings: Settings) -> PrefixAwareHash:
    return PrefixAwareHash(settings.max_load_factor)


ROW = StrategyRow("PrefixAwareHash", _make, wants_prefix=True)
