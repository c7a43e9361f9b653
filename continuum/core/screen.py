"""Who of a group is not to be tried now: the unhealthy, and those whose keys rest. Concluded once and kept until
something changes, so that a call costs the same beside ten backends and beside ten thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from continuum.errors import NoBackendAvailable, RateLimited
from continuum.resilience.keys import Rest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from continuum.backends.backend import Availability, Backend
    from continuum.errors import ContinuumError

__all__ = ["Screen"]

MAX_CONCLUSIONS = 10_000
"""Groups of which it is kept who is out."""


@dataclass(frozen=True, slots=True)
class _Conclusion:
    """Of these members these are out, until then."""

    members: Sequence[Backend]
    out: frozenset[Backend]
    until: float


class Screen:
    """Judges groups of backends. panic_threshold: as the section health_checks has it."""

    def __init__(self, availability: Availability, *, panic_threshold: float) -> None:
        self._availability = availability
        self._panic_threshold = panic_threshold
        self._seen = -1
        self._concluded: dict[int, _Conclusion] = {}

    def out(self, members: Sequence[Backend], now: float) -> frozenset[Backend]:
        """Those of `members` (not to be altered afterwards) that are not to be tried; never all of them.

        Raises NoBackendAvailable when all are unhealthy, RateLimited when all that are not were throttled.
        """
        if self._seen != self._availability.count or len(self._concluded) > MAX_CONCLUSIONS:
            self._seen = self._availability.count
            self._concluded.clear()
        known = self._concluded.get(id(members))
        if known is None or known.until <= now or known.members is not members:
            known = self._concluded[id(members)] = self._conclude(members, now)
        return known.out

    def _conclude(self, members: Sequence[Backend], now: float) -> _Conclusion:
        alive = [backend for backend in members if backend.health.usable]
        if len(alive) < self._panic_threshold * len(members):
            alive = list(members)
        if not alive:
            raise _unhealthy(members, now)
        rests = {backend: rest for backend in alive if (rest := backend.keys.resting(now)) is not None}
        fit = [backend for backend in alive if backend not in rests]
        if not fit:  # a denied key is tried where nothing else is left; a throttled one is left in peace
            fit = [backend for backend, rest in rests.items() if rest is Rest.DENIED]
        if not fit:
            raise _throttled(alive, now)
        until = min((backend.keys.wakes_at() for backend in rests), default=float("inf"))
        return _Conclusion(members, frozenset(members).difference(fit), until)


def _unhealthy(members: Sequence[Backend], now: float) -> ContinuumError:
    wait = max(0.0, min(backend.health.next_probe for backend in members) - now)
    states = {backend.name: backend.health.state for backend in members}
    return NoBackendAvailable(
        "Every backend of this model is unhealthy", retry_after=wait, details={"candidates": states}
    )


def _throttled(alive: Sequence[Backend], now: float) -> ContinuumError:
    wait = min(backend.keys.wakes_at() for backend in alive) - now
    return RateLimited("every backend throttles this model; try again later", retry_after=wait)
