"""Who of a group is not to be tried now: the unhealthy, those whose circuit is open, and those that rest. Concluded
once and kept until something changes, so that a call costs the same beside ten backends and beside ten thousand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from continuum.core.classify import THROTTLED, try_again
from continuum.errors import CircuitOpen, NoBackendAvailable, RateLimited
from continuum.resilience.keys import Rest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from continuum.backends.backend import Availability, Backend
    from continuum.errors import ContinuumError

__all__ = ["MAX_NAMED", "Screen"]

MAX_CONCLUSIONS = 10_000
"""Groups of which it is kept who is out."""

MAX_NAMED = 100
"""Backends that an error names."""

_NOBODY: frozenset[Backend] = frozenset()


@dataclass(frozen=True, slots=True)
class _Conclusion:
    """Of these members these are out, until then; tired: those of them that only want to be spared. refusal: all are
    out, and this is why (now to error).
    """

    members: Sequence[Backend]
    out: frozenset[Backend]
    until: float
    tired: frozenset[Backend] = _NOBODY
    refusal: Callable[[float], ContinuumError] | None = None


class Screen:
    """Judges groups of backends. panic_threshold: as the section health_checks has it."""

    def __init__(self, availability: Availability, *, panic_threshold: float) -> None:
        self._availability = availability
        self._panic_threshold = panic_threshold
        self._seen = -1
        self._concluded: dict[int, _Conclusion] = {}

    def out(self, members: Sequence[Backend], now: float) -> frozenset[Backend]:
        """Those of `members` (not to be altered afterwards) that are not to be tried; never all of them.

        Raises NoBackendAvailable when all are unhealthy, CircuitOpen when the circuits of all others are open,
        RateLimited when all that are left were throttled.
        """
        if self._seen != self._availability.count or len(self._concluded) > MAX_CONCLUSIONS:
            self._seen = self._availability.count
            self._concluded.clear()
        known = self._concluded.get(id(members))
        if known is None or known.until <= now or known.members is not members:
            known = self._concluded[id(members)] = self._conclude(members, now)
        if known.refusal is not None:
            raise known.refusal(now)
        return known.out

    def tired(self, members: Sequence[Backend]) -> frozenset[Backend]:
        """Those that `out` left out only because they asked to be spared: still better than nobody."""
        known = self._concluded.get(id(members))
        return known.tired if known is not None else _NOBODY

    def _conclude(self, members: Sequence[Backend], now: float) -> _Conclusion:
        alive = [backend for backend in members if backend.health.usable]
        if len(alive) < self._panic_threshold * len(members):
            alive = list(members)
        if not alive:
            return _Conclusion(members, _NOBODY, math.inf, refusal=_unhealthy(members))
        shut = {backend for backend in alive if backend.breaker.refuses(now)}
        reopens = min((backend.breaker.until for backend in shut), default=math.inf)
        alive = [backend for backend in alive if backend not in shut]
        if not alive:
            return _Conclusion(members, _NOBODY, reopens, refusal=_circuits_open(members, shut, reopens))
        rests = {backend: rest for backend in alive if (rest := backend.keys.resting(now)) is not None}
        wakes = min((backend.keys.wakes_at() for backend in rests), default=math.inf)
        fit = [backend for backend in alive if backend not in rests]
        if not fit:  # a denied key is tried where nothing else is left; a throttled one is left in peace
            fit = [backend for backend, rest in rests.items() if rest is Rest.DENIED]
        if not fit:
            return _Conclusion(members, _NOBODY, min(wakes, reopens), refusal=_throttled(wakes))
        tired = {backend: backend.rests_until for backend in fit if backend.rests_until > now}
        until = min(wakes, reopens, min(tired.values(), default=math.inf))
        if len(tired) == len(fit):
            tired.clear()  # nobody else is there
        out = frozenset(members).difference(fit) | tired.keys()
        return _Conclusion(members, out, until, frozenset(tired))


def _unhealthy(members: Sequence[Backend]) -> Callable[[float], ContinuumError]:
    states = {backend.name: backend.health.state for backend in islice(members, MAX_NAMED)}

    def refusal(now: float) -> ContinuumError:
        wait = max(0.0, min(backend.health.next_probe for backend in members) - now)
        return NoBackendAvailable(
            "Every backend of this model is unhealthy", retry_after=wait, details={"candidates": states}
        )

    return refusal


def _circuits_open(
    members: Sequence[Backend], shut: Collection[Backend], reopens: float
) -> Callable[[float], ContinuumError]:
    named = islice(members, MAX_NAMED)
    states = {backend.name: "circuit_open" if backend in shut else backend.health.state for backend in named}

    def refusal(now: float) -> ContinuumError:
        return CircuitOpen(
            "Every backend of this model has failed too often and is left alone for a while",
            retry_after=max(0.0, reopens - now),
            details={"candidates": states},
        )

    return refusal


def _throttled(wakes: float) -> Callable[[float], ContinuumError]:
    def refusal(now: float) -> ContinuumError:
        return RateLimited(THROTTLED.format(try_again(wakes - now)), retry_after=wakes - now)

    return refusal
