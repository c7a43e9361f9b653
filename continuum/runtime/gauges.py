"""What an instance looks like now, read off when somebody asks: nothing here is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

import trio

from continuum.metrics import instruments
from continuum.metrics.exposition import Reading
from continuum.resilience.breaker import BreakerState
from continuum.resilience.health import HealthState
from continuum.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from continuum.metrics import Instrument
    from continuum.runtime.instance import Instance

__all__ = ["readings"]

_HEALTH: Final[tuple[str, ...]] = get_args(HealthState)
_CIRCUIT: Final[tuple[str, ...]] = get_args(BreakerState)


def readings(instance: Instance) -> Iterator[Reading]:
    """Every gauge. Series of backends are as many as the limit of cardinality allows."""
    version = instance.store.current
    yield Reading(instruments.CALLS_IN_FLIGHT, instance.accounts.in_flight)
    yield Reading(instruments.VERSION, version.number)
    yield Reading(instruments.FILE_GOOD, instance.store.file_is_good)
    yield Reading(instruments.CHANGED, version.timestamp.timestamp())
    yield Reading(instruments.BUILD, 1, (VERSION,))
    most, now = instance.pool.meter.limits.sets, trio.current_time()
    for backend in instance.pool.backends[:most]:
        yield Reading(instruments.BACKEND_IN_FLIGHT, backend.in_flight, (backend.name,))
    for backend in instance.pool.backends[: most // len(_HEALTH)]:
        yield from _states(instruments.BACKEND_HEALTH, backend.name, backend.health.state, _HEALTH)
    for backend in instance.pool.backends[: most // len(_CIRCUIT)]:
        yield from _states(instruments.BACKEND_CIRCUIT, backend.name, backend.breaker.state_at(now), _CIRCUIT)


def _states(gauge: Instrument, name: str, state: str, states: tuple[str, ...]) -> Iterator[Reading]:
    for each in states:
        yield Reading(gauge, each == state, (name, each))
