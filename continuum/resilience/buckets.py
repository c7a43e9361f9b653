"""Token buckets by key, in this process: bounded however many callers there are, and of one cost for each of them.

A bucket that is full again says nothing and is dropped; what is held in slots stays until it is given back.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from continuum.resilience.token_bucket import TokenBucket
from continuum.storage.limits import Ask, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["MAX_BUCKETS", "Buckets"]

MAX_BUCKETS: Final = 200_000
"""About 65 MB. One that gets no request for a minute is mostly full again: to lose one that is not takes more than
three thousand callers a second, each a new one.
"""


class Buckets:
    """A LimitStore. clock: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float], *, most: int = MAX_BUCKETS) -> None:
        self._clock = clock
        self._most = most
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()  # the one asked longest ago first
        self._slots: dict[str, TokenBucket] = {}  # no more than there are requests under way

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._buckets) + len(self._slots)

    async def take(self, asks: Sequence[Ask]) -> Taken:
        """All of them, or none. Nothing is awaited here."""
        now = self._clock()
        found = [self._bucket(ask, now) for ask in asks]
        longest, refused = 0.0, None
        for number, bucket in enumerate(found):
            if (wait := bucket.wait(asks[number].amount, now)) > longest:
                longest, refused = wait, number
        for bucket, ask in zip(found, asks, strict=True):
            if refused is None:
                bucket.take(ask.amount, now)
            elif not ask.rate and bucket.full(now):
                del self._slots[ask.key]  # made to be looked at
        self._tidy(len(found), now)
        return Taken([bucket.level(now) for bucket in found], refused, longest)

    def settle(self, ask: Ask, amount: float) -> None:
        """Take so much more, or give it back."""
        now = self._clock()
        kept: dict[str, TokenBucket] = self._buckets if ask.rate else self._slots
        bucket = kept.get(ask.key)
        if bucket is None:  # dropped since it was taken from: it would be full by now
            if amount <= 0:
                return
            bucket = self._bucket(ask, now)
        bucket.settle(amount, now)
        if not ask.rate and bucket.full(now):
            del kept[ask.key]

    def _bucket(self, ask: Ask, now: float) -> TokenBucket:
        key, rate, capacity, _ = ask
        kept = self._buckets if rate else self._slots
        bucket = kept.get(key)
        if bucket is None:
            bucket = kept[key] = TokenBucket(rate, capacity, now)
            return bucket
        if rate:
            self._buckets.move_to_end(key)
        if bucket.rate != rate or bucket.capacity != capacity:
            bucket.retune(rate, capacity, now)
        return bucket

    def _tidy(self, looks: int, now: float) -> None:
        """Look at a few of those asked longest ago: full ones go, others have another round. No more looks than
        buckets can have been added, so that this costs every call the same.
        """
        buckets = self._buckets
        while len(buckets) > self._most:
            buckets.popitem(last=False)
        for _ in range(min(looks, len(buckets))):
            key, bucket = next(iter(buckets.items()))
            if bucket.full(now):
                del buckets[key]
            else:
                buckets.move_to_end(key)
