"""What a strategy sees and gives. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

__all__ = ["WINDOW", "C", "Candidate", "Candidates", "Hint", "Settings", "Strategy", "StrategyRow"]

WINDOW = 16
"""Candidates that are compared with each other in one choice. Up to so many the comparison is exact; of more, those
whose turn it is are compared: the best of sixteen is as good as the best of all, at a cost that does not grow."""


class Candidate(Protocol):
    """One backend that may be chosen now."""

    @property
    def name(self) -> str:
        """Its configured name."""
        ...

    @property
    def weight(self) -> int:
        """Its share of the requests, 1 or more."""
        ...

    @property
    def in_flight(self) -> int:
        """Requests it holds now."""
        ...

    @property
    def latency(self) -> float | None:
        """Seconds to the first content, averaged; None while unknown."""
        ...


C = TypeVar("C", bound=Candidate)


def _always(_: object) -> bool:
    return True


class Candidates(Generic[C]):
    """Who there is, and who of them can take a call now.

    members: never empty, and the same object as long as nobody joined or left: what a strategy derives from it (a
    ring, a cycle) is kept until it is another one. usable: asked of single members as they come up, never of all.
    """

    __slots__ = ("members", "usable")

    def __init__(self, members: Sequence[C], usable: Callable[[C], bool] = _always) -> None:
        self.members = members
        self.usable = usable

    def from_turn(self, start: int) -> Iterator[tuple[int, C]]:
        """Each usable member once, with its position, beginning at position `start`."""
        members, usable, size = self.members, self.usable, len(self.members)
        for turn in range(start, start + size):
            position = turn % size
            member = members[position]
            if usable(member):
                yield position, member


@dataclass(frozen=True, slots=True)
class Hint:
    """What is known of the call, as far as the strategy's row asks for it.

    affinity: the session's key. prefix: how the prompt begins.
    """

    affinity: str | None = None
    prefix: str | None = None


class Settings(Protocol):
    """What the configuration says to strategies; its group `routing.prefix` fits."""

    @property
    def max_load_factor(self) -> float:
        """Above this multiple of the mean load a candidate is passed over; 1 or more."""
        ...


class Strategy(Protocol):
    """Chooses; holds what it must remember between calls. One object serves one group of candidates."""

    def choose(self, candidates: Candidates[C], hint: Hint) -> C | None:
        """One of the usable members; None when none is usable."""
        ...


@dataclass(frozen=True, slots=True)
class StrategyRow:
    """A row of the table: the configured name, how to make one, and what of a call its hint must hold."""

    name: str
    make: Callable[[Settings], Strategy]
    wants_affinity: bool = False
    wants_prefix: bool = False
