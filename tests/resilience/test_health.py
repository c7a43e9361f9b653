"""States of health, over an invented clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.config import HealthChecks
from continuum.resilience.health import Health, HealthState, Probe, read_status

P, A, W, F = Probe.PASSED, Probe.ALIVE, Probe.WARMING, Probe.FAILED
SECTION = HealthChecks.model_validate({"max_warmup_duration": "10s"})


def after(*probes: Probe, step: float = 1.0) -> HealthState:
    health = Health()
    for number, probe in enumerate(probes):
        health.observe(probe, SECTION, number * step)
    return health.state


@pytest.mark.parametrize(
    ("probes", "state"),
    [
        ([], "unknown"),
        ([P], "healthy"),
        ([F], "unhealthy"),
        ([W], "warming_up"),
        ([A], "unknown"),
        ([P, F, F], "healthy"),
        ([P, F, F, F], "unhealthy"),
        ([P, F, F, P, F, F], "healthy"),
        ([A, F, F], "unknown"),
        ([A, F, F, F], "unhealthy"),
        ([F, P], "unhealthy"),
        ([F, P, P], "healthy"),
        ([F, P, F, P], "unhealthy"),
        ([F, A, A], "unknown"),
        ([P, A, A], "healthy"),
        ([P, W], "warming_up"),
        ([W, P], "healthy"),
        ([W, F], "warming_up"),
        ([W, F, F, F], "unhealthy"),
        ([F, W], "warming_up"),
        ([F, W, P], "healthy"),
        ([W] * 10, "warming_up"),
        ([W] * 11, "unhealthy"),
        ([W] * 20, "unhealthy"),
        ([*[W] * 11, P, P], "healthy"),
    ],
)
def test_what_probes_make_of_a_server(probes: list[Probe], state: HealthState) -> None:
    assert after(*probes) == state


def test_another_process_is_another_server() -> None:
    health = Health()
    health.observe(F, SECTION, 0)
    assert health.reset()
    assert not health.reset()
    assert health.usable
    assert health.observe(F, SECTION, 1), "again the first probe decides"
    assert not health.usable


def test_a_server_that_warms_up_is_asked_more_often() -> None:
    health = Health()
    assert health.pause(30, SECTION) == 30
    health.observe(W, SECTION, 0)
    assert health.pause(30, SECTION) == 1
    assert health.pause(0.5, SECTION) == 0.5
    health.observe(P, SECTION, 1)
    assert health.pause(30, SECTION) == 30


def pauses(*probes: Probe, interval: float = 30) -> list[float]:
    """The pause after each probe."""
    health, found = Health(), list[float]()
    for number, probe in enumerate(probes):
        health.observe(probe, SECTION, number)
        found.append(health.pause(interval, SECTION))
    return found


@pytest.mark.parametrize(
    ("probes", "expected"),
    [
        ([F] * 8, [1, 2, 4, 8, 16, 30, 30, 30]),
        ([F, F, F, P, P], [1, 2, 4, 1, 30]),
        ([F, F, P, F], [1, 2, 1, 30]),
        ([F, F, A, A], [1, 2, 1, 30]),
        ([P, F, F, F, F], [30] * 5),
        ([P, F, F, F, P, F, P, P], [30, 30, 30, 30, 1, 30, 1, 30]),
        ([F, W, F, F, F], [1, 1, 1, 30, 30]),
    ],
)
def test_a_server_that_was_never_there_is_asked_soon_and_one_that_comes_back_at_once(
    probes: list[Probe], expected: list[float]
) -> None:
    assert pauses(*probes) == expected
    assert max(pauses(*probes, interval=0.5)) == 0.5


@given(st.lists(st.sampled_from(Probe), max_size=2000), st.floats(0.01, 1e6))
def test_a_pause_is_never_longer_than_the_interval_nor_shorter_than_both(probes: list[Probe], interval: float) -> None:
    for pause in pauses(*probes, interval=interval):
        assert min(interval, SECTION.warmup_check_interval) <= pause <= interval


@given(st.lists(st.sampled_from(Probe)))
def test_whatever_came_before_thresholds_hold(probes: list[Probe]) -> None:
    assert after(*probes, F, F, F) == "unhealthy"
    assert after(*probes, P, P) == "healthy"
    assert after(*probes, A, A) in ("unknown", "healthy")
    assert after(*probes, P, P, F, F) == "healthy"


@pytest.mark.parametrize(
    ("status", "chosen", "found"),
    [
        (200, False, P),
        (204, False, P),
        (503, False, W),
        (401, True, A),
        (403, False, A),
        (429, False, A),
        (404, False, A),
        (404, True, F),
        (302, False, F),
        (400, False, F),
        (500, False, F),
    ],
)
def test_what_a_status_says(status: int, *, chosen: bool, found: Probe) -> None:
    assert read_status(status, chosen=chosen) is found
