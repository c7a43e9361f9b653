"""Keys in turn and their rests, over an invented clock."""

from copy import deepcopy

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from continuum.resilience.keys import KeyRing, Rest


def test_keys_take_turns() -> None:
    ring = KeyRing(3)
    assert [ring.take(0) for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_looking_takes_no_turn() -> None:
    ring = KeyRing(2)
    assert [ring.look(0), ring.look(0), ring.take(0), ring.look(0)] == [0, 0, 0, 1]


def test_a_refused_key_rests_longer_each_time() -> None:
    ring, now, lengths = KeyRing(1), 0.0, list[float]()
    for _ in range(8):
        assert ring.rest(0, Rest.THROTTLED, now)
        lengths.append(ring.wakes_at() - now)
        now = ring.wakes_at()
    assert lengths == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_success_after_a_rest_forgets_the_rests_before() -> None:
    ring = KeyRing(1)
    ring.rest(0, Rest.THROTTLED, 0)
    ring.rest(0, Rest.THROTTLED, 1)
    assert ring.accepted(0, 3)
    ring.rest(0, Rest.THROTTLED, 3)
    assert ring.wakes_at() == 4


def test_what_a_server_asks_for_is_honoured() -> None:
    ring = KeyRing(3)
    ring.rest(0, Rest.THROTTLED, 100, 7)
    ring.rest(1, Rest.THROTTLED, 100, 300)
    ring.rest(2, Rest.THROTTLED, 100, 20)
    assert ring.resting(106.9) is Rest.THROTTLED
    assert ring.wakes_at() == 107
    assert [ring.take(107), ring.take(119.9), ring.take(120)] == [0, 0, 2]
    assert {ring.take(400) for _ in range(3)} == {0, 1, 2}


def test_many_answers_at_once_are_one_rest() -> None:
    ring = KeyRing(1)
    assert [ring.rest(0, Rest.DENIED, 0) for _ in range(3)] == [True, False, False]
    assert ring.wakes_at() == 30


def test_a_denied_key_is_tried_where_nothing_else_is_left_and_a_throttled_one_is_not() -> None:
    ring = KeyRing(2)
    ring.rest(0, Rest.THROTTLED, 0)
    ring.rest(1, Rest.DENIED, 0)
    assert ring.resting(0.5) is Rest.THROTTLED
    assert ring.take(0.5) == 1
    assert ring.accepted(1, 0.5)
    assert ring.resting(0.5) is None
    assert not ring.accepted(0, 0.5), "a call from before the throttling says nothing"


class Ring(RuleBasedStateMachine):
    """Against a model that keeps nothing but when each key is awake again, at the latest."""

    @initialize(count=st.integers(1, 5))
    def begin(self, count: int) -> None:
        self.ring = KeyRing(count)
        self.now = 0.0
        self.until = [0.0] * count
        self.taken: list[int] = []

    @rule(seconds=st.floats(0.0, 700.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.taken.clear()

    @rule()
    def take(self) -> None:
        awake = self.awake()
        key = self.ring.take(self.now)
        if awake:
            assert key in awake, "a resting key was sent"
            self.taken.append(key)
            assert set(self.taken[-len(awake) :]) == awake or len(self.taken) < len(awake), "somebody's turn was missed"

    @rule(
        data=st.data(),
        reason=st.sampled_from(Rest),
        asked=st.none() | st.floats(0.0, 1e6),
    )
    def refuse(self, data: st.DataObject, reason: Rest, asked: float | None) -> None:
        key = data.draw(st.integers(0, len(self.until) - 1))
        if self.ring.rest(key, reason, self.now, asked):
            longest = reason.value[1] if asked is None else asked
            self.until[key] = max(self.until[key], self.now + longest)
            if asked is None:
                assert key not in self.awake(), "refused, and not resting"
        self.taken.clear()

    @rule(data=st.data())
    def accept(self, data: st.DataObject) -> None:
        key = data.draw(st.integers(0, len(self.until) - 1))
        if self.ring.accepted(key, self.now):
            assert key in self.awake()
            self.until[key] = self.now
        self.taken.clear()

    @precondition(lambda self: hasattr(self, "ring"))
    @invariant()
    def nobody_rests_for_too_long(self) -> None:
        assert {key for key, until in enumerate(self.until) if until <= self.now} <= self.awake()
        assert (self.ring.resting(self.now) is None) == bool(self.awake())
        assert (self.ring.wakes_at() <= self.now) == bool(self.awake())

    def awake(self) -> set[int]:
        """Found by its public face alone: a turn of every key, on a copy."""
        ring = deepcopy(self.ring)
        return {ring.take(self.now) for _ in self.until} if ring.resting(self.now) is None else set()


TestRing = Ring.TestCase
