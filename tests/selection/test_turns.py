"""Strategies that go round: round robin, weighted round robin, random."""

from collections import Counter
from random import Random as Generator

from candidates import Server, Tuning, among, fleet, servers
from hypothesis import assume, given
from hypothesis import strategies as st

from continuum.selection import STRATEGIES, Candidates, Hint, Strategy
from continuum.selection.random import Random

HINT = Hint()


def make(name: str) -> Strategy:
    return STRATEGIES[name].make(Tuning())


def names(strategy: Strategy, group: tuple[Server, ...], count: int) -> list[str]:
    chosen = [strategy.choose(among(group), HINT) for _ in range(count)]
    return [each.name for each in chosen if each is not None]


def test_round_robin_takes_each_in_turn() -> None:
    assert "".join(names(make("RoundRobin"), (Server("a"), Server("b"), Server("c")), 7)) == "abcabca"


def test_who_stands_behind_a_full_one_does_not_work_for_two() -> None:
    group = (Server("a", up=False), Server("b"), Server("c"))
    assert "".join(names(make("RoundRobin"), group, 6)) == "bcbcbc"


@given(weights=st.lists(st.integers(1, 100), min_size=1, max_size=10), cycles=st.integers(1, 3))
def test_weights_are_exact_over_a_cycle(weights: list[int], cycles: int) -> None:
    group = tuple(Server(f"s{number}", weight) for number, weight in enumerate(weights))
    strategy = make("WeightedRoundRobin")
    for _ in range(cycles):
        count = Counter(names(strategy, group, sum(weights)))
        assert [count[member.name] for member in group] == weights


@given(weights=st.lists(st.integers(1, 20), min_size=2, max_size=6))
def test_weights_are_spread_evenly(weights: list[int]) -> None:
    """At every moment of a cycle each has had its share, give or take two calls: no bursts."""
    group = tuple(Server(f"s{number}", weight) for number, weight in enumerate(weights))
    count: Counter[str] = Counter()
    for calls, name in enumerate(names(make("WeightedRoundRobin"), group, sum(weights)), 1):
        count[name] += 1
        for member in group:
            assert abs(count[member.name] - calls * member.weight / sum(weights)) < 2


def test_a_heavy_one_does_not_get_all_its_calls_at_once() -> None:
    group = (Server("a", 5), Server("b"), Server("c"))
    assert "aaaa" not in "".join(names(make("WeightedRoundRobin"), group, 70))


@given(group=servers(max_size=6, max_weight=20))
def test_the_others_keep_their_shares_while_one_is_out(group: tuple[Server, ...]) -> None:
    up = [member for member in group if member.up]
    assume(up)
    total = sum(member.weight for member in up)
    count = Counter(names(make("WeightedRoundRobin"), group, total))
    assert count == {member.name: member.weight for member in up}


def test_the_cycle_starts_anew_with_new_members() -> None:
    strategy = make("WeightedRoundRobin")
    assert sorted(names(strategy, (Server("a", 2), Server("b")), 3)) == ["a", "a", "b"]
    assert sorted(names(strategy, (Server("b"), Server("c", 3)), 4)) == ["b", "c", "c", "c"]


def test_random_follows_its_generator() -> None:
    """The same seed, the same choices; another one, others."""

    def drawn(seed: int) -> list[str]:
        return names(Random(Generator(seed)), fleet(10), 30)  # noqa: S311 - the seed is the point

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_random_is_fair_among_those_who_are_up() -> None:
    group = fleet(40)
    for member in group[2:]:
        member.up = False
    count = Counter(names(Random(Generator(7)), group, 2000))  # noqa: S311 - the seed is the point
    assert set(count) == {"s0", "s1"}
    assert abs(count["s0"] - count["s1"]) < 300


def test_an_unfiltered_group_is_usable_whole() -> None:
    assert make("RoundRobin").choose(Candidates(fleet(1)), HINT) is not None
