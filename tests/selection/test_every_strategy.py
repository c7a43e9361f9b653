"""What holds for every row of the table."""

import pytest
from candidates import Server, Tuning, among, fleet, servers
from hypothesis import given
from hypothesis import strategies as st

from continuum.selection import STRATEGIES, Candidates, Hint

HINTS = st.builds(Hint, st.none() | st.text(max_size=20), st.none() | st.text(max_size=20))


@pytest.mark.parametrize("name", STRATEGIES)
@given(groups=st.lists(servers(), min_size=1, max_size=4), hints=st.lists(HINTS, min_size=1, max_size=8))
def test_it_chooses_only_who_can_take_the_call(name: str, groups: list[tuple[Server, ...]], hints: list[Hint]) -> None:
    """Whoever is in the group, joins it or leaves it: someone who is up while anyone is, else nobody."""
    strategy = STRATEGIES[name].make(Tuning())
    for group in groups:
        for hint in hints:
            chosen = strategy.choose(among(group), hint)
            if chosen is None:
                assert not any(member.up for member in group)
            else:
                assert chosen.up
                assert any(chosen is member for member in group)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("size", [17, 200, 1000])
def test_the_only_one_left_is_found(name: str, size: int) -> None:
    strategy = STRATEGIES[name].make(Tuning())
    group = fleet(size)
    for member in group:
        member.up = False
    group[size // 2].up = True
    for key in range(20):
        assert strategy.choose(among(group), Hint(str(key), str(key))) is group[size // 2]
    group[size // 2].up = False
    assert strategy.choose(among(group), Hint("key", "key")) is None


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_cost_of_a_choice_does_not_grow(name: str) -> None:
    """Counted, not timed: how many members a choice looks at, all of them busy."""
    looks: dict[int, int] = {}
    for size in (10, 10_000):
        strategy = STRATEGIES[name].make(Tuning())
        group = fleet(size)
        for member in group:
            member.in_flight, member.latency = 3, 0.5
        seen: list[Server] = []
        candidates = Candidates(group, lambda member, seen=seen: not seen.append(member))  # type: ignore[misc]
        most = 0
        for key in range(200):
            seen.clear()
            chosen = strategy.choose(candidates, Hint(str(key), str(key)))
            assert chosen is not None
            most = max(most, len(seen))
        looks[size] = most
    assert looks[10_000] <= max(looks[10], 17)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_level_group_shares_evenly(name: str) -> None:
    """With no session, no prompt and nothing to tell them apart, nobody gets twice what another gets."""
    strategy = STRATEGIES[name].make(Tuning())
    group = fleet(5)
    count = dict.fromkeys((member.name for member in group), 0)
    for _ in range(1000):
        chosen = strategy.choose(Candidates(group), Hint())
        assert chosen is not None
        count[chosen.name] += 1
    assert min(count.values()) > 130
    assert max(count.values()) < 270
