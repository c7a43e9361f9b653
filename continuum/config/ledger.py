"""What was done to the configuration, for witnesses that keep a record of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import trio

if TYPE_CHECKING:
    from continuum.config.model import Config
    from continuum.config.version import Version, VersionSource

__all__ = ["Deed", "Ledger", "Witness"]


@dataclass(frozen=True, slots=True)
class Deed:
    """A change that is in force. version: the one in force since. peer: the address it was asked from; empty where
    nobody asked over a network. sections: those that the version says have changed. old, new: with what stands beside
    the versions, as it is at work.
    """

    version: int
    source: VersionSource
    user: str
    peer: str
    sections: tuple[str, ...]
    old: Config
    new: Config

    @classmethod
    def at_start(cls, version: Version, old: Config) -> Self:
        """A version that the start made of what was edited before."""
        return cls(version.number, version.source, version.user, "", version.sections_changed, old, version.config)


Witness = Callable[[Deed], None]
"""Blocks; never raises: what it is told is done."""


class Ledger:
    """Tells witnesses. at_start: what was done before anybody could be told; each that comes is told."""

    def __init__(self, at_start: Deed | None = None) -> None:
        self._at_start = at_start
        self._witnesses: list[Witness] = []

    def tell_to(self, witness: Witness) -> None:
        """Have this witness, too, from now on. Blocks: for the start."""
        self._witnesses.append(witness)
        if self._at_start is not None:
            witness(self._at_start)

    async def enter(self, deed: Deed) -> None:
        """Returns once every witness knows, whoever is cancelled meanwhile."""
        with trio.CancelScope(shield=True):
            for witness in self._witnesses:
                await trio.to_thread.run_sync(witness, deed)
