"""A backend's latency: what is learnt, what is forgotten."""

import pytest

from continuum.backends.latency import FAILED, HALF_LIFE, Latency
from continuum.backends.outcome import Outcome
from continuum.errors import ConnectFailed, UpstreamRejected


def ended(first_content: float | None = None, **more: object) -> Outcome:
    return Outcome("alpha", "m", first_content=first_content, **more)  # type: ignore[arg-type]


def test_it_is_unknown_until_something_was_seen() -> None:
    latency = Latency()
    assert latency.at(5) is None
    latency.record(ended(0.4), now=5)
    assert latency.at(5) == 0.4


def test_the_new_moves_the_average_and_does_not_replace_it() -> None:
    latency = Latency()
    latency.record(ended(1.0), now=0)
    latency.record(ended(2.0), now=0)
    now = latency.at(0)
    assert now is not None
    assert 1.1 < now < 1.5


def test_what_is_old_fades_and_weighs_less() -> None:
    latency = Latency()
    latency.record(ended(8.0), now=0)
    assert latency.at(3 * HALF_LIFE) == pytest.approx(1.0)
    latency.record(ended(0.1), now=20 * HALF_LIFE)
    assert latency.at(20 * HALF_LIFE) == pytest.approx(0.1, rel=0.01)


def test_a_failure_is_no_fast_answer() -> None:
    latency = Latency()
    latency.record(ended(error=ConnectFailed("refused"), total=0.001), now=0)
    assert latency.at(0) == FAILED


def test_the_callers_own_fault_tells_nothing() -> None:
    latency = Latency()
    latency.record(ended(error=UpstreamRejected("no such field", status=400), total=0.001), now=0)
    assert latency.at(0) is None


def test_a_caller_who_gave_up_waited_at_least_that_long() -> None:
    latency = Latency()
    latency.record(ended(cancelled=True, total=30.0), now=0)
    assert latency.at(0) is None, "nothing to compare it with: a quick leaver is no fast answer"
    latency.record(ended(1.0), now=0)
    latency.record(ended(cancelled=True, total=0.2), now=0)
    assert latency.at(0) == 1.0
    latency.record(ended(cancelled=True, total=30.0), now=0)
    now = latency.at(0)
    assert now is not None
    assert now > 5
