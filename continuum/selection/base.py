"""What a strategy sees and gives. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

__all__ = ["Candidate", "Strategy", "StrategyRow"]


class Candidate(Protocol):
    """One backend that may be chosen now."""

    @property
    def name(self) -> str:
        """Its configured name."""
        ...


C = TypeVar("C", bound=Candidate)


class Strategy(Protocol):
    """Chooses; holds what it must remember between calls."""

    def choose(self, candidates: Sequence[C]) -> C:
        """One of `candidates` (never empty)."""
        ...


@dataclass(frozen=True, slots=True)
class StrategyRow:
    """A row of the table: the configured name, and how to make one."""

    name: str
    make: Callable[[], Strategy]
