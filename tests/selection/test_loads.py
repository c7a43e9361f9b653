"""Strategies that look at how candidates fare: least in flight, least latency."""

from collections import Counter

from candidates import Server, Tuning, among, fleet, servers
from hypothesis import assume, given

from continuum.selection import STRATEGIES, Candidates, Hint, Strategy

HINT = Hint()


def make(name: str) -> Strategy:
    return STRATEGIES[name].make(Tuning())


def take(strategy: Strategy, group: tuple[Server, ...]) -> Server:
    """One choice, whose request is then in flight."""
    chosen = strategy.choose(Candidates(group), HINT)
    assert chosen is not None
    chosen.in_flight += 1
    return chosen


@given(group=servers(max_size=16))
def test_the_least_busy_is_chosen(group: tuple[Server, ...]) -> None:
    up = [member for member in group if member.up]
    assume(up)
    chosen = make("LeastInFlight").choose(among(group), HINT)
    assert chosen is not None
    assert chosen.in_flight == min(member.in_flight for member in up)


def test_who_is_level_is_taken_in_turn() -> None:
    strategy, group = make("LeastInFlight"), fleet(3)
    group[1].in_flight = 1
    chosen = [strategy.choose(Candidates(group), HINT) for _ in range(4)]
    assert chosen == [group[0], group[2], group[0], group[2]]


def test_a_large_group_stays_level() -> None:
    strategy, group = make("LeastInFlight"), fleet(1000)
    group[5].in_flight = 30
    for _ in range(3000):
        take(strategy, group)
    rest = [member.in_flight for member in group if member is not group[5]]
    assert group[5].in_flight == 30
    assert max(rest) - min(rest) <= 1


def test_the_untried_are_tried_first_one_request_each() -> None:
    strategy = make("LeastLatency")
    group = (Server("known", latency=0.1), Server("new"), Server("newer"))
    assert [take(strategy, group).name for _ in range(2)] == ["new", "newer"]
    assert {take(strategy, group).name for _ in range(30)} == {"known"}, "until a trial has told something"


def test_when_all_are_untried_they_share() -> None:
    strategy, group = make("LeastLatency"), fleet(4)
    assert set(Counter(take(strategy, group).name for _ in range(20)).values()) == {5}


def test_the_fastest_wins_without_a_herd() -> None:
    """One at a time all go to the fastest; many at once are shared in proportion to speed."""
    strategy = make("LeastLatency")
    group = (Server("slow", latency=0.4), Server("fast", latency=0.1), Server("slower", latency=0.8))
    assert {chosen.name for _ in range(9) if (chosen := strategy.choose(Candidates(group), HINT))} == {"fast"}
    count = Counter(take(strategy, group).name for _ in range(110))
    assert count == {"fast": 80, "slow": 20, "slower": 10}


@given(group=servers(max_size=16))
def test_the_least_latency_for_the_load_is_chosen(group: tuple[Server, ...]) -> None:
    up = [member for member in group if member.up]
    known = [member for member in up if member.latency is not None]
    assume(known)
    chosen = make("LeastLatency").choose(among(group), HINT)
    assert chosen is not None
    if any(member.latency is None and not member.in_flight for member in up):
        assert (chosen.latency, chosen.in_flight) == (None, 0)
    else:
        assert chosen.latency is not None
        costs = [member.latency * (member.in_flight + 1) for member in known if member.latency is not None]
        assert chosen.latency * (chosen.in_flight + 1) == min(costs)
