"""Circuit breakers, over an invented clock."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from continuum.config import CircuitBreaker, from_mapping
from continuum.errors import (
    ConnectFailed,
    ContinuumError,
    DeadlinePassed,
    UpstreamDenied,
    UpstreamFailed,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamThrottled,
    UpstreamTimeout,
)
from continuum.resilience.breaker import SPENT, WINDOW, Breaker, Breakers, Verdict


def section(**keys: Any) -> CircuitBreaker:
    return from_mapping({"circuit_breaker": keys}).circuit_breaker


def state(breaker: Breaker) -> str:
    """A call: type checkers take an attribute for unchanged."""
    return breaker.state


def happened(breaker: Breaker, *verdicts: Verdict, now: float = 0.0) -> None:
    for verdict in verdicts:
        breaker.end(breaker.begin(), verdict, now)


FAILED, PASSED, NEUTRAL = Verdict.FAILED, Verdict.PASSED, Verdict.NEUTRAL


def test_failures_in_a_row_open_it() -> None:
    breaker = Breaker(section(failure_threshold=3))
    happened(breaker, FAILED, FAILED, PASSED, FAILED, FAILED, NEUTRAL)
    assert state(breaker) == "closed"
    happened(breaker, FAILED, now=100)
    assert state(breaker) == "open"
    assert breaker.refuses(159.9)
    assert breaker.until == 160


def test_what_is_shown_is_true_though_nobody_comes() -> None:
    breaker = Breaker(section(failure_threshold=2))
    happened(breaker, FAILED, FAILED)
    assert [breaker.state_at(now) for now in (0, 59.9, 60, 1e9)] == ["open", "open", "half_open", "half_open"]
    assert (state(breaker), breaker.consecutive) == ("open", 2), "to look changes nothing"
    assert not breaker.refuses(60)
    happened(breaker, FAILED, now=61)
    assert (breaker.state_at(61), breaker.consecutive) == ("open", 3)
    assert not breaker.refuses(121)
    happened(breaker, PASSED, PASSED, now=121)
    assert (breaker.state_at(121), breaker.consecutive) == ("closed", 0)


def test_a_share_of_failures_opens_it_once_there_are_enough_requests() -> None:
    breaker = Breaker(section(failure_threshold=99, failure_rate_threshold=0.5, minimum_requests=10))
    happened(breaker, *[PASSED, FAILED] * 4, PASSED)
    assert state(breaker) == "closed"
    happened(breaker, FAILED)
    assert state(breaker) == "open"


def test_what_is_long_past_has_no_share() -> None:
    breaker = Breaker(section(failure_threshold=99, minimum_requests=10))
    happened(breaker, *[PASSED] * 5, *[FAILED] * 4)
    happened(breaker, FAILED, now=2 * WINDOW)
    assert state(breaker) == "closed"


def test_some_trials_at_a_time_and_so_many_successes_close_it() -> None:
    breaker = Breaker(section(failure_threshold=1, half_open_max_requests=2, half_open_success_threshold=3))
    happened(breaker, FAILED)
    assert not breaker.refuses(60)
    first, second = breaker.begin(), breaker.begin()
    full = breaker.saturated
    assert not breaker.end(first, PASSED, 61)
    assert (full, breaker.saturated) == (True, False)
    assert not breaker.end(second, PASSED, 61)
    assert state(breaker) == "half_open"
    assert breaker.end(breaker.begin(), PASSED, 62)
    assert state(breaker) == "closed"


def test_a_trial_that_fails_opens_it_again_for_a_whole_period() -> None:
    breaker = Breaker(section(failure_threshold=1))
    happened(breaker, FAILED)
    assert not breaker.refuses(60)
    late = breaker.begin()
    assert breaker.end(breaker.begin(), FAILED, 70)
    assert breaker.until == 130
    assert not breaker.end(late, PASSED, 71), "begun before it opened"
    assert breaker.opened == 2


def test_a_trial_has_passed_with_its_first_content() -> None:
    """A long stream does not keep the others waiting for its end."""
    breaker = Breaker(section(failure_threshold=1, half_open_max_requests=1, half_open_success_threshold=2))
    happened(breaker, FAILED)
    assert not breaker.refuses(60)
    assert breaker.answering(breaker.begin(), 61) == SPENT
    assert not breaker.saturated
    ticket = breaker.answering(breaker.begin(), 61)
    assert state(breaker) == "closed"
    assert breaker.end(ticket, FAILED, 62), "it goes on as one of the closed state"


def test_an_answer_from_before_says_nothing_about_now() -> None:
    breaker = Breaker(section(failure_threshold=1))
    old = breaker.begin()
    happened(breaker, FAILED)
    assert not breaker.end(old, PASSED, 1)
    assert not breaker.refuses(60)
    assert not breaker.end(old, FAILED, 61)
    assert state(breaker) == "half_open"


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (None, PASSED),
        (ConnectFailed(""), FAILED),
        (UpstreamTimeout(""), FAILED),
        (UpstreamProtocolError(""), FAILED),
        (UpstreamFailed("").answered(503), FAILED),
        (UpstreamFailed("").answered(501), NEUTRAL),
        (UpstreamThrottled("").answered(429), NEUTRAL),
        (UpstreamDenied("").answered(401), NEUTRAL),
        (UpstreamRejected("", status=400), NEUTRAL),
        (DeadlinePassed(""), NEUTRAL),
        (ContinuumError(""), NEUTRAL),
    ],
)
def test_whose_fault_it_is(error: ContinuumError | None, verdict: Verdict) -> None:
    assert Breaker(section()).judge(error, cancelled=False) is verdict
    if error is None:
        assert Breaker(section()).judge(error, cancelled=True) is NEUTRAL


def test_statuses_that_are_failures_are_configured() -> None:
    breaker = Breaker(section(failure_status_codes=[429, 400]))
    assert breaker.judge(UpstreamFailed("").answered(500), cancelled=False) is NEUTRAL
    assert breaker.judge(UpstreamThrottled("").answered(429), cancelled=False) is FAILED
    assert breaker.judge(UpstreamRejected("", status=400), cancelled=False) is NEUTRAL, "a client's fault never counts"


def test_each_backend_may_differ_and_is_retuned_at_work() -> None:
    breakers = Breakers(section(failure_threshold=3, backends={"touchy": {"failure_threshold": 1}}))
    calm, touchy = breakers.of("calm"), breakers.of("touchy")
    for each in (calm, touchy):
        happened(each, FAILED)
    assert (state(calm), state(touchy)) == ("closed", "open")
    assert breakers.of("touchy") is touchy
    assert not breakers.retune(section(failure_threshold=2, timeout_seconds=5))
    assert touchy.until == 5
    happened(calm, FAILED)
    assert state(calm) == "open", "what was counted is kept"
    assert breakers.retune(section(enabled=False))
    assert {state(calm), state(touchy)} == {"closed"}
    happened(calm, *[FAILED] * 100)
    assert state(calm) == "closed"
    breakers.keep({"calm"})
    assert breakers.of("touchy") is not touchy


class Circuit(RuleBasedStateMachine):
    """Against a model that remembers everything."""

    tickets = Bundle("tickets")

    @initialize(
        threshold=st.integers(1, 4), most=st.integers(1, 3), wanted=st.integers(1, 3), enough=st.integers(1, 12)
    )
    def make(self, threshold: int, most: int, wanted: int, enough: int) -> None:
        self.section = section(
            failure_threshold=threshold,
            half_open_max_requests=most,
            half_open_success_threshold=wanted,
            minimum_requests=enough,
        )
        self.breaker = Breaker(self.section)
        self.now = 0.0
        self.trials: set[int] = set()  # numbers of attempts under way that began in this half open state
        self.streak = self.number = 0
        self.opened_at = 0.0

    @rule(seconds=st.sampled_from([0.0, 0.5, 10.0, 60.0, 200.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=tickets)
    def begin(self) -> tuple[int, int, int] | None:
        """As the engine does: nobody begins while it refuses or is saturated."""
        if self.breaker.refuses(self.now) or self.breaker.saturated:
            return None
        self.number += 1
        if self.breaker.state == "half_open":
            self.trials.add(self.number)
        return self.number, self.breaker.begin(), self.breaker.opened

    @rule(target=tickets, ticket=consumes(tickets))
    def answer(self, ticket: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
        """Its first content: a trial has passed, anything else is still to be seen."""
        if ticket is None:
            return None
        number, given, opened = ticket
        trial, before = number in self.trials, self.breaker.state
        going_on = self.breaker.answering(given, self.now)
        if not trial:
            assert (going_on, self.breaker.state) == (given, before)
            return ticket
        self.trials.discard(number)
        closed = self.breaker.state == "closed"
        assert (going_on == SPENT) is not closed
        if closed:
            self.trials.clear()
        return number, going_on, opened

    @rule(ticket=consumes(tickets), verdict=st.sampled_from(Verdict))
    def end(self, ticket: tuple[int, int, int] | None, verdict: Verdict) -> None:
        if ticket is None:
            return
        number, given, opened = ticket
        before, trial = self.breaker.state, number in self.trials
        changed = self.breaker.end(given, verdict, self.now)
        self.trials.discard(number)
        after = self.breaker.state
        assert changed == (before != after)
        if opened != self.breaker.opened and not changed:
            assert before == after, "begun in another state: no effect"
        if after == "open" and changed:
            assert verdict is Verdict.FAILED
            self.opened_at, self.streak = self.now, 0
            self.trials.clear()
        elif after == "closed" and changed:
            assert verdict is Verdict.PASSED
            self.trials.clear()
        if trial and verdict is Verdict.FAILED:
            assert after == "open"

    @invariant()
    def bounds_hold(self) -> None:
        if not hasattr(self, "breaker"):
            return
        assert len(self.trials) <= self.section.half_open_max_requests
        if self.breaker.state == "half_open":
            assert self.breaker.saturated == (len(self.trials) >= self.section.half_open_max_requests)
        else:
            assert not self.breaker.saturated
        open_now = self.breaker.state == "open"
        if open_now:
            assert self.breaker.until == self.opened_at + self.section.timeout_seconds
        due = open_now and self.now >= self.breaker.until
        assert self.breaker.state_at(self.now) == ("half_open" if due else self.breaker.state)
        assert self.breaker.opened > 0 or self.breaker.state == "closed"


TestCircuit = Circuit.TestCase
