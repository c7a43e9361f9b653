"""Whether and when an attempt is repeated, and the budget that all calls share."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from continuum.config import Retry, from_mapping
from continuum.config.sections.backends import RetryOverride
from continuum.resilience.retry import LEAST_BUDGET, Next, Retries, Tries

AGAIN = Next(again=1)


def section(**keys: Any) -> Retry:
    return from_mapping({"retry": {"jitter": False, **keys}}).retry


def override(**keys: Any) -> RetryOverride:
    return RetryOverride.model_validate(keys)


def tries(**keys: Any) -> Tries:
    made = Tries(Retries(section(**keys)))
    made.begin()
    return made


def test_the_first_and_one_elsewhere_are_free_and_immediate() -> None:
    call = tries(budget_ratio=0)
    retries = Retries(section(budget_ratio=0))
    assert [call.wait_before(Next()), call.wait_before(Next())] == [0, 0]
    assert retries.repeating == 0
    assert call.wait_before(Next()) == 0.1
    assert not call.more()


def test_the_same_backend_is_given_time() -> None:
    call = tries(max_attempts=5)
    assert [call.wait_before(Next())] + [call.wait_before(AGAIN) for _ in range(4)] == [0, 0.1, 0.2, 0.4, 0.8]


def test_one_elsewhere_is_free_even_when_it_comes_later() -> None:
    call = tries(max_attempts=5)
    assert [call.wait_before(each) for each in (Next(), AGAIN, Next(), Next())] == [0, 0.1, 0, 0.2]


@pytest.mark.parametrize(
    ("keys", "waits"),
    [
        ({"exponential_backoff": False}, [0.1, 0.1, 0.1, 0.1]),
        ({"base_delay": "1s", "max_delay": "3s"}, [1, 2, 3, 3]),
        ({"base_delay": 0}, [0, 0, 0, 0]),
    ],
)
def test_delays_are_as_configured(keys: dict[str, Any], waits: list[float]) -> None:
    call = tries(max_attempts=9, **keys)
    call.wait_before(Next())
    assert [call.wait_before(AGAIN) for _ in range(4)] == waits


def test_jitter_spreads_between_half_and_all() -> None:
    retries = Retries(section(jitter=True))
    spread = {retries.spread(2.0) for _ in range(50)}
    assert len(spread) > 10
    assert all(1 <= each <= 2 for each in spread)


def test_a_backend_may_say_otherwise() -> None:
    own = override(max_attempts=2, base_delay="3s")
    call = tries(max_attempts=9)
    assert call.may_repeat(1, own)
    assert not call.may_repeat(2, own)
    assert call.may_repeat(8, None)
    call.wait_before(Next(override=own))
    assert call.wait_before(Next(1, override=own)) == 3


def test_what_a_backend_asks_for_is_obeyed_while_a_caller_can_be_kept_waiting() -> None:
    call = tries(max_attempts=9)
    call.wait_before(Next())
    assert call.wait_before(Next(1, asked=5)) == 5
    assert call.wait_before(Next(1, asked=0.01)) == 0.2
    assert call.wait_before(Next(1, asked=45)) is None, "the caller is told to come back"
    believed = tries(max_attempts=9, max_retry_after="2s")
    believed.wait_before(Next())
    assert believed.wait_before(Next(1, asked=45)) == 2


def test_the_budget_is_a_share_of_what_is_under_way() -> None:
    retries = Retries(section(budget_ratio=0.5))
    calls = [Tries(retries) for _ in range(10)]
    for call in calls:
        call.begin()
        call.wait_before(Next())
    assert [call.wait_before(AGAIN) is not None for call in calls] == [True] * 5 + [False] * 5
    assert retries.repeating == 5
    calls[0].end()
    calls[0].end()
    assert (retries.active, retries.repeating) == (9, 4)
    assert calls[9].wait_before(AGAIN) is not None


def test_a_new_section_holds_for_calls_under_way() -> None:
    retries = Retries(section())
    call = Tries(retries)
    call.wait_before(Next())
    retries.retune(section(max_attempts=1))
    assert not call.more()


class Storm(RuleBasedStateMachine):
    """Many calls at once: never too many retries, and nothing of the budget is lost."""

    calls = Bundle("calls")

    @initialize(ratio=st.floats(0, 1), attempts=st.integers(1, 6))
    def make(self, ratio: float, attempts: int) -> None:
        self.attempts = attempts
        self.retries = Retries(section(budget_ratio=ratio, max_attempts=attempts))
        self.open: list[Tries] = []
        self.paid: set[int] = set()

    @rule(target=calls)
    def begin(self) -> Tries:
        call = Tries(self.retries)
        call.begin()
        assert call.wait_before(Next()) == 0
        self.open.append(call)
        return call

    @rule(ratio=st.floats(0, 1), attempts=st.integers(1, 6))
    def retune(self, ratio: float, attempts: int) -> None:
        """Calls under way go by it at once; what they hold of the budget they keep."""
        self.attempts = attempts
        self.retries.retune(section(budget_ratio=ratio, max_attempts=attempts))

    @rule(call=calls, elsewhere=st.booleans())
    def fail(self, call: Tries, elsewhere: bool) -> None:  # noqa: FBT001 - hypothesis' parameter
        if call not in self.open or not call.more():
            return
        room = self.retries.repeating < self.retries.budget
        held, made = id(call) in self.paid, call.made
        wait = call.wait_before(Next() if elsewhere else AGAIN)
        if wait is None:
            assert not room
            assert not held
            assert call.made == made
            return
        assert call.made == made + 1 <= self.attempts
        if wait:
            assert room or held
            self.paid.add(id(call))

    @rule(call=consumes(calls))
    def end(self, call: Tries) -> None:
        call.end()
        self.open = [each for each in self.open if each is not call]
        self.paid.discard(id(call))

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "retries"):
            return
        assert self.retries.active == len(self.open)
        assert self.retries.repeating == len(self.paid)
        most = max(LEAST_BUDGET, len(self.open))
        assert self.retries.repeating <= most


TestStorm = Storm.TestCase
