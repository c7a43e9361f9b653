"""Who is not to be tried, by health and rests: concluded once and kept."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from continuum.backends.pool import Pool, open_pool
from continuum.config import from_mapping
from continuum.core.screen import Screen
from continuum.errors import NoBackendAvailable
from continuum.resilience.health import Probe
from continuum.resilience.keys import Rest

SECTIONS = {"health_checks": {"enabled": False}}


def backends(count: int, **more: Any) -> Any:
    listed = [
        {"name": f"b{number}", "type": "openai", "url": "http://127.0.0.1:9", "models": ["m", "n"], **more}
        for number in range(count)
    ]
    return open_pool(from_mapping({"backends": listed, **SECTIONS}))


def names(pool: Pool, screen: Screen, *, at: float = 0.0) -> list[str]:
    out = screen.out(pool.backends, at)
    return [backend.name for backend in pool.backends if backend not in out]


def fell_ill(pool: Pool, *numbers: int) -> None:
    section = from_mapping(SECTIONS).health_checks
    for number in numbers:
        backend = pool.backends[number]
        backend.health.next_probe = trio.current_time() + 5
        assert backend.health.observe(Probe.FAILED, section, 0)
    pool.availability.changed()


async def test_an_unhealthy_backend_is_no_candidate() -> None:
    async with backends(3) as pool:
        screen = Screen(pool.availability, panic_threshold=0)
        assert names(pool, screen) == ["b0", "b1", "b2"]
        fell_ill(pool, 1)
        assert names(pool, screen) == ["b0", "b2"]
        fell_ill(pool, 0, 2)
        with pytest.raises(NoBackendAvailable, match="unhealthy") as caught:
            names(pool, screen, at=trio.current_time())
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 5
    assert caught.value.details["candidates"] == dict.fromkeys(("b0", "b1", "b2"), "unhealthy")


@pytest.mark.parametrize(("threshold", "usable"), [(0.0, 1), (0.25, 1), (0.26, 4), (1.0, 4)])
async def test_below_the_panic_threshold_health_is_ignored(threshold: float, usable: int) -> None:
    async with backends(4) as pool:
        screen = Screen(pool.availability, panic_threshold=threshold)
        fell_ill(pool, 0, 1, 2)
        assert len(names(pool, screen)) == usable


async def test_in_panic_all_may_be_ill() -> None:
    async with backends(2) as pool:
        fell_ill(pool, 0, 1)
        assert len(names(pool, Screen(pool.availability, panic_threshold=0.1))) == 2


async def test_a_rest_ends_by_itself() -> None:
    async with backends(2, api_key="k") as pool:
        screen = Screen(pool.availability, panic_threshold=0)
        pool.backends[0].keys.rest(0, Rest.THROTTLED, 100, 7)
        pool.availability.changed()
        assert names(pool, screen, at=100) == ["b1"]
        assert names(pool, screen, at=106.9) == ["b1"]
        assert names(pool, screen, at=107) == ["b0", "b1"]


async def test_where_all_keys_are_denied_they_are_tried() -> None:
    async with backends(2, api_key="k") as pool:
        screen = Screen(pool.availability, panic_threshold=0)
        pool.backends[0].keys.rest(0, Rest.DENIED, 0)
        pool.availability.changed()
        assert names(pool, screen) == ["b1"]
        pool.backends[1].keys.rest(0, Rest.DENIED, 0)
        pool.availability.changed()
        assert names(pool, screen) == ["b0", "b1"]


async def test_the_conclusion_is_kept_while_nothing_changes() -> None:
    """One set for every call: what a call costs does not depend on how many backends there are."""
    async with backends(50) as pool:
        screen = Screen(pool.availability, panic_threshold=0)
        fell_ill(pool, 7)
        first = screen.out(pool.backends, 0)
        assert screen.out(pool.backends, 1e9) is first
        pool.availability.changed()
        assert screen.out(pool.backends, 0) is not first
        assert {backend.name for backend in first} == {"b7"}


async def test_each_group_is_judged_alone() -> None:
    async with backends(2) as pool:
        screen = Screen(pool.availability, panic_threshold=0)
        fell_ill(pool, 1)
        well, ill = pool.backends[:1], pool.backends[1:]
        assert screen.out(well, 0) == frozenset()
        with pytest.raises(NoBackendAvailable):
            screen.out(ill, 0)
