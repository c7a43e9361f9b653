"""Who may be tried: by health, rests and fullness, concluded once and kept."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from continuum.backends.pool import Pool, open_pool
from continuum.config import from_mapping
from continuum.core.candidates import Candidates
from continuum.core.plan import plan
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


def names(pool: Pool, candidates: Candidates, *, at: float = 0.0) -> list[str]:
    return [served.name for served in candidates.of(plan("m", {}, pool.catalog), at)]


def fell_ill(pool: Pool, *numbers: int) -> None:
    section = from_mapping(SECTIONS).health_checks
    for number in numbers:
        backend = pool.backends[number]
        backend.health.next_probe = trio.current_time() + 5
        assert backend.health.observe(Probe.FAILED, section, 0)
    pool.availability.changed()


async def test_an_unhealthy_backend_is_no_candidate() -> None:
    async with backends(3) as pool:
        candidates = Candidates(pool.availability, panic_threshold=0)
        assert names(pool, candidates) == ["b0", "b1", "b2"]
        fell_ill(pool, 1)
        assert names(pool, candidates) == ["b0", "b2"]
        fell_ill(pool, 0, 2)
        with pytest.raises(NoBackendAvailable, match="unhealthy") as caught:
            names(pool, candidates, at=trio.current_time())
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 5
    assert caught.value.details["candidates"] == dict.fromkeys(("b0", "b1", "b2"), "unhealthy")


@pytest.mark.parametrize(("threshold", "usable"), [(0.0, 1), (0.25, 1), (0.26, 4), (1.0, 4)])
async def test_below_the_panic_threshold_health_is_ignored(threshold: float, usable: int) -> None:
    async with backends(4) as pool:
        candidates = Candidates(pool.availability, panic_threshold=threshold)
        fell_ill(pool, 0, 1, 2)
        assert len(names(pool, candidates)) == usable


async def test_in_panic_all_may_be_ill() -> None:
    async with backends(2) as pool:
        fell_ill(pool, 0, 1)
        assert len(names(pool, Candidates(pool.availability, panic_threshold=0.1))) == 2


async def test_a_rest_ends_by_itself() -> None:
    async with backends(2, api_key="k") as pool:
        candidates = Candidates(pool.availability, panic_threshold=0)
        pool.backends[0].keys.rest(0, Rest.THROTTLED, 100, 7)
        pool.availability.changed()
        assert names(pool, candidates, at=100) == ["b1"]
        assert names(pool, candidates, at=106.9) == ["b1"]
        assert names(pool, candidates, at=107) == ["b0", "b1"]


async def test_a_full_backend_is_passed_over_until_it_is_not() -> None:
    async with backends(2, max_in_flight=1) as pool:
        candidates = Candidates(pool.availability, panic_threshold=0)
        pool.backends[0].in_flight = 1
        assert names(pool, candidates) == ["b1"]
        pool.backends[1].in_flight = 1
        with pytest.raises(NoBackendAvailable, match="limit"):
            names(pool, candidates)
        pool.backends[0].in_flight = 0
        assert names(pool, candidates) == ["b0"]


async def test_the_conclusion_is_kept_while_nothing_changes() -> None:
    """One list for every call: what a call costs does not depend on how many backends there are."""
    async with backends(50) as pool:
        candidates = Candidates(pool.availability, panic_threshold=0)
        chosen = plan("m", {}, pool.catalog)
        first = candidates.of(chosen, 0)
        assert candidates.of(chosen, 1e9) is first
        pool.availability.changed()
        assert candidates.of(chosen, 0) is not first


async def test_a_pinned_backend_is_judged_alone() -> None:
    async with backends(2) as pool:
        candidates = Candidates(pool.availability, panic_threshold=0)
        fell_ill(pool, 1)
        assert len(candidates.of(plan("b0/m", {}, pool.catalog), 0)) == 1
        with pytest.raises(NoBackendAvailable):
            candidates.of(plan("b1/m", {}, pool.catalog), 0)
