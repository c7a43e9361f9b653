"""The bucket's law over any sequence of events, checked against a model that counts in whole numbers."""

import math
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from continuum.resilience.token_bucket import LONGEST_DEBT, TokenBucket

RATES = st.sampled_from([0.25, 0.5, 1.0, 2.0, 16.0])
CAPACITIES = st.integers(1, 100).map(float)
AMOUNTS = st.integers(0, 200).map(float)
QUARTERS = st.integers(0, 400).map(lambda quarters: quarters / 4)


class Bucket(RuleBasedStateMachine):
    """Powers of two throughout, so that floats are exact and the model is the law itself."""

    def __init__(self) -> None:
        super().__init__()
        self.now: float = 1000.0
        self.rate: float = 1.0
        self.capacity: float = 10.0
        self.bucket = TokenBucket(self.rate, self.capacity, self.now)
        self.level: Fraction = Fraction(10)

    @rule(seconds=QUARTERS)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.level = min(Fraction(self.capacity), self.level + Fraction(seconds) * Fraction(self.rate))

    @rule(amount=AMOUNTS)
    def take(self, amount: float) -> None:
        wanted = min(amount, self.capacity)
        wait = self.bucket.wait(amount, self.now)
        assert self.bucket.take(amount, self.now) == (wanted <= self.level) == (wait == 0)
        if wait:
            assert wait == pytest.approx(float((Fraction(wanted) - self.level) / Fraction(self.rate)))
        else:
            self.level -= Fraction(wanted)

    @rule(amount=AMOUNTS)
    def waiting_is_enough(self, amount: float) -> None:
        """Exactly as long as was said, and not a quarter of a second less."""
        wait = self.bucket.wait(amount, self.now)
        if wait > 0.25:
            assert self.bucket.wait(amount, self.now + wait - 0.25)
            self.level = min(Fraction(self.capacity), self.level + Fraction(wait - 0.25) * Fraction(self.rate))
            self.now += wait - 0.25
            self.time_passes(0.25)
            assert not self.bucket.wait(amount, self.now)

    @rule(amount=st.integers(-300, 300).map(float))
    def settle(self, amount: float) -> None:
        self.bucket.settle(amount, self.now)
        floor = Fraction(-LONGEST_DEBT) * Fraction(self.rate)
        self.level = min(Fraction(self.capacity), max(floor, self.level - Fraction(amount)))

    @rule(rate=RATES, capacity=CAPACITIES)
    def retune(self, rate: float, capacity: float) -> None:
        full = self.level == self.capacity
        self.bucket.retune(rate, capacity, self.now)
        self.rate, self.capacity = rate, capacity
        self.level = Fraction(capacity) if full else min(self.level, Fraction(capacity))

    @invariant()
    def agrees(self) -> None:
        assert self.bucket.level(self.now) == pytest.approx(float(self.level))
        assert self.bucket.full(self.now) == (self.level == self.capacity)


Bucket.TestCase.settings = settings(deadline=None, stateful_step_count=30)
TestBucket = Bucket.TestCase


def test_slots_come_back_only_by_being_given_back() -> None:
    slots = TokenBucket(0, 2, 0)
    assert slots.take(1, 0)
    assert slots.take(1, 0)
    assert not slots.take(1, 1e9)
    assert slots.wait(1, 1e9) == math.inf
    slots.settle(-1, 1e9)
    assert slots.take(1, 1e9)


def test_slots_stay_held_when_their_number_changes() -> None:
    slots = TokenBucket(0, 3, 0)
    assert all(slots.take(1, 0) for _ in range(3))
    slots.retune(0, 5, 0)
    assert slots.level(0) == 2
    slots.retune(0, 1, 0)
    slots.settle(-1, 0)
    slots.settle(-1, 0)
    assert not slots.take(1, 0), "one is still held"
    slots.settle(-1, 0)
    assert slots.full(0)


def test_a_clock_that_stands_or_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(1, 1, 100)
    assert bucket.take(1, 100)
    assert not bucket.take(1, 50)
    assert not bucket.take(1, 100.5)
    assert bucket.take(1, 101)


def test_a_minute_in_many_small_steps_is_a_minute() -> None:
    """Rounding never costs a caller its request, nor gives one away."""
    bucket, now = TokenBucket(1 / 60, 1, 0), 0.0
    for _ in range(50):
        assert bucket.take(1, now)
        for _ in range(999):
            now += 0.06
            assert not bucket.take(1, now)
        now += 0.06
