"""The port behind which counts of rate limits are kept: plain arguments in, plain answers out. In this process that is
a table of token buckets; a store that several processes share runs the same arithmetic where its data is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Ask", "LimitStore", "Taken"]


class Ask(NamedTuple):
    """So much of one bucket. rate: units that come back per second; 0 where only what is given back comes back, as with
    slots. capacity: the most that can be there. A bucket nobody has asked yet is full; one that was asked with other
    numbers before keeps what is left in it.
    """

    key: str
    rate: float
    capacity: float
    amount: float


class Taken(NamedTuple):
    """What became of several asks: all were granted, or none was.

    levels: what is there now, in the asks' order. refused: the number of the ask that has to wait longest, None where
    all were granted. wait: seconds until that one would be granted; infinite where no time alone helps.
    """

    levels: Sequence[float]
    refused: int | None = None
    wait: float = 0.0


class LimitStore(Protocol):
    """Buckets by key."""

    async def take(self, asks: Sequence[Ask]) -> Taken:
        """All of them, or none."""
        ...

    def settle(self, ask: Ask, amount: float) -> None:
        """Take `amount` more from the ask's bucket, even below nothing; where negative, give it back.

        Never waits, as it is called while a call is cancelled: a store that has to send it does so by itself.
        """
        ...
