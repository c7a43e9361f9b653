"""Buckets by key: all or nothing, bounded whatever the number of callers, and nothing lost that counts."""

from collections.abc import Iterable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from continuum.resilience.buckets import Buckets
from continuum.storage.limits import Ask, LimitStore, Taken


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def taken(store: LimitStore, asks: Iterable[Ask]) -> Taken:
    """What `take` gives, which in memory never waits."""
    step = store.take(list(asks))
    with pytest.raises(StopIteration) as done:
        step.__await__().send(None)
    found: Taken = done.value.value
    return found


def ask(key: str, amount: float = 1, *, rate: float = 1, capacity: float = 2) -> Ask:
    return Ask(key, rate, capacity, amount)


def test_all_or_nothing() -> None:
    store = Buckets(Clock())
    assert taken(store, [ask("a"), ask("b", 2)]).refused is None
    refused = taken(store, [ask("a"), ask("b", 2)])
    assert (refused.refused, refused.wait) == (1, 2)
    assert refused.levels == [1, 0], "the first one was not charged"


def test_the_longest_wait_is_told() -> None:
    store = Buckets(Clock())
    taken(store, [ask("a", 2), ask("b", 2)])
    assert taken(store, [ask("a", 2), ask("b", 1)]).refused == 0


def test_a_bucket_that_is_full_again_is_dropped() -> None:
    clock = Clock()
    store = Buckets(clock)
    for number in range(1000):
        taken(store, [ask(f"k{number}")])
    assert len(store) == 1000
    clock.now = 10
    for _ in range(1000):
        taken(store, [ask("busy", 0), ask("busy too", 0)])
    assert len(store) <= 2


def test_one_that_owes_much_does_not_keep_others_from_being_dropped() -> None:
    clock = Clock()
    store = Buckets(clock)
    store.settle(ask("debtor"), 1000)
    for number in range(100):
        taken(store, [ask(f"k{number}")])
    clock.now = 10
    for _ in range(110):
        taken(store, [ask("busy", 0)])
    assert len(store) <= 2
    assert taken(store, [ask("debtor")]).wait == pytest.approx(989)


def test_the_number_is_bounded() -> None:
    store = Buckets(Clock(), most=100)
    for number in range(5000):
        taken(store, [ask(f"k{number}"), ask("everybody", capacity=1e9)])
        assert len(store) <= 101
    assert taken(store, [ask("k4999", 0)]).levels == [1]


def test_slots_held_are_never_forgotten_and_leave_nothing_behind() -> None:
    store = Buckets(Clock(), most=10)
    slot = ask("session", rate=0, capacity=1)
    assert taken(store, [slot]).refused is None
    for number in range(1000):
        taken(store, [ask(f"k{number}")])
    assert taken(store, [slot]).refused == 0
    store.settle(slot, -1)
    assert len(store) <= 10
    drained = ask("drained", 2)
    taken(store, [drained])
    assert taken(store, [slot, drained]).refused == 1
    assert len(store) <= 10, "a slot that was not granted leaves no trace"


def test_other_numbers_keep_the_level() -> None:
    store = Buckets(Clock())
    taken(store, [ask("a", 7, capacity=10)])
    assert taken(store, [ask("a", 0, rate=5, capacity=100)]).levels == [3]
    assert taken(store, [ask("a", 0, rate=5, capacity=2)]).levels == [2]


def test_what_is_given_back_to_a_dropped_bucket_is_nothing_and_what_is_owed_counts() -> None:
    store = Buckets(Clock())
    store.settle(ask("a"), -5)
    assert len(store) == 0
    store.settle(ask("a"), 5)
    assert taken(store, [ask("a", 0)]).levels == [-3]


class Store(RuleBasedStateMachine):
    """Every bucket behaves as if it were kept for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = Buckets(self.clock)
        self.levels: dict[str, float] = {}

    keys = st.sampled_from("abcdef")

    @rule(seconds=st.integers(0, 8))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += seconds
        self.levels = {key: min(4.0, level + seconds) for key, level in self.levels.items()}

    @rule(asks=st.lists(st.tuples(keys, st.integers(0, 5)), max_size=3, unique_by=lambda pair: pair[0]))
    def take(self, asks: list[tuple[str, int]]) -> None:
        before = {key: self.levels.get(key, 4.0) for key, _ in asks}
        granted = all(before[key] >= min(amount, 4) for key, amount in asks)
        found = taken(self.store, [ask(key, amount, capacity=4) for key, amount in asks])
        assert (found.refused is None) == granted
        for (key, amount), level in zip(asks, found.levels, strict=True):
            self.levels[key] = before[key] - min(amount, 4) * granted
            assert level == self.levels[key]

    @rule(key=keys, amount=st.integers(-10, 10))
    def settle(self, key: str, amount: int) -> None:
        self.store.settle(ask(key, capacity=4), amount)
        self.levels[key] = min(4.0, self.levels.get(key, 4.0) - amount)

    @invariant()
    def keeps_what_counts(self) -> None:
        assert len(self.store) >= sum(level < 4 for level in self.levels.values())


Store.TestCase.settings = settings(deadline=None, stateful_step_count=30)
TestStore = Store.TestCase
