"""A consistent hash ring: keys to positions, the same in every process; no strategy in itself."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from struct import Struct

__all__ = ["Ring", "ring_of"]

_PROBES = 8
_POINTS = Struct("<8Q")
_PROBE = Struct("<2Q")
_MASK = (1 << 64) - 1


class Ring:
    """Eight points for each unit of weight (one hash makes eight), and eight probes for each key: the point nearest
    behind any of its probes owns the key. That is as even as a hundred points a unit and one probe, and leaves
    little to sort and to keep. Who leaves takes only its own points along: nobody else's key moves.
    """

    def __init__(self, shares: tuple[tuple[str, int], ...]) -> None:
        owners: dict[int, int] = {}
        for position, (name, weight) in enumerate(shares):
            for unit in range(weight):
                for point in _POINTS.unpack(blake2b(f"{name}/{unit}".encode()).digest()):
                    owners.setdefault(point, position)
        self._points = sorted(owners)
        self._owners = [owners[point] for point in self._points]
        self._members = len(shares)
        # Points are spread evenly: an index by their first bits leaves a handful to search, however many there are.
        bits = max(len(owners) // 4, 1).bit_length()
        self._shift = 64 - bits
        self._starts = [bisect_left(self._points, first << self._shift) for first in range((1 << bits) + 1)]

    def walk(self, key: str) -> Iterator[int]:
        """Each position once: the key's owner, then those that follow on the ring."""
        owners = self._owners
        start, seen = self._nearest(key), set[int]()
        for place in range(start, start + len(owners)):
            owner = owners[place % len(owners)]
            if owner not in seen:
                yield owner
                seen.add(owner)
                if len(seen) == self._members:
                    return

    def _nearest(self, key: str) -> int:
        points, starts, shift = self._points, self._starts, self._shift
        digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_PROBE.size).digest()
        probe: int
        step: int
        probe, step = _PROBE.unpack(digest)
        found, least = 0, _MASK
        for _ in range(_PROBES):
            first = probe >> shift
            place = bisect_left(points, probe, starts[first], starts[first + 1])
            if place == len(points):
                place = 0
            distance = (points[place] - probe) & _MASK
            if distance < least:
                found, least = place, distance
            probe = (probe + step) & _MASK
        return found


@lru_cache(maxsize=32)
def ring_of(shares: tuple[tuple[str, int], ...]) -> Ring:
    """The ring of these names and weights: groups of the same members share one."""
    return Ring(shares)
