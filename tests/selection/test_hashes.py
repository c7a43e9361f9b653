"""Consistent hashing: the same answer everywhere, little movement, bounded load."""

import subprocess
import sys
from collections import Counter
from math import ceil

import pytest
from candidates import Server, Tuning, among, fleet, servers
from hypothesis import given
from hypothesis import strategies as st

from continuum.selection import STRATEGIES, Candidates, Hint, Strategy
from continuum.selection.ring import Ring

HASHES = ("ConsistentHash", "PrefixAwareHash")
KEYS = [f"session-{number}" for number in range(300)]


def make(name: str, factor: float = 1.25) -> Strategy:
    return STRATEGIES[name].make(Tuning(factor))


def hint(name: str, key: str) -> Hint:
    return Hint(affinity=key) if STRATEGIES[name].wants_affinity else Hint(prefix=key)


def shares(*weights: int) -> tuple[tuple[str, int], ...]:
    return tuple((f"s{number}", weight) for number, weight in enumerate(weights))


def owners(ring: Ring, members: tuple[tuple[str, int], ...]) -> dict[str, str]:
    return {key: members[next(ring.walk(key))][0] for key in KEYS}


@given(weights=st.lists(st.integers(1, 5), min_size=2, max_size=8), data=st.data())
def test_only_the_keys_of_who_leaves_move(weights: list[int], data: st.DataObject) -> None:
    before = shares(*weights)
    gone = data.draw(st.sampled_from(before))
    after = tuple(member for member in before if member is not gone)
    old, new = owners(Ring(before), before), owners(Ring(after), after)
    assert {key for key in KEYS if old[key] != new[key]} == {key for key in KEYS if old[key] == gone[0]}


@given(order=st.permutations(shares(1, 2, 3, 4)))
def test_the_order_of_configuration_does_not_matter(order: list[tuple[str, int]]) -> None:
    members = tuple(order)
    assert owners(Ring(members), members) == owners(Ring(shares(1, 2, 3, 4)), shares(1, 2, 3, 4))


@given(weights=st.lists(st.integers(1, 5), min_size=1, max_size=8), key=st.text())
def test_a_walk_meets_everybody_once(weights: list[int], key: str) -> None:
    assert sorted(Ring(shares(*weights)).walk(key)) == list(range(len(weights)))


@pytest.mark.parametrize("size", [2, 3, 10, 30])
def test_keys_are_spread(size: int) -> None:
    ring = Ring(shares(*[1] * size))
    count = Counter(next(ring.walk(f"key-{number}")) for number in range(200 * size))
    assert min(count.values()) > 100
    assert max(count.values()) < 320


def test_weights_count() -> None:
    ring = Ring(shares(1, 4))
    count = Counter(next(ring.walk(f"key-{number}")) for number in range(1000))
    assert 100 < count[0] < 300


def test_every_process_agrees() -> None:
    """Whatever the interpreter's own hashes are seeded with."""
    code = (
        "from continuum.selection.ring import Ring\n"
        "ring = Ring(tuple((f's{n}', n + 1) for n in range(5)))\n"
        "print([next(ring.walk(f'session-{n}')) for n in range(50)])"
    )

    def printed(seed: str) -> str:
        environ = {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout

    ring = Ring(shares(1, 2, 3, 4, 5))
    here = f"{[next(ring.walk(f'session-{number}')) for number in range(50)]}\n"
    assert {printed("1"), printed("2")} == {here}


@pytest.mark.parametrize("name", HASHES)
def test_a_key_keeps_its_backend(name: str) -> None:
    strategy, group = make(name), fleet(5)
    for key in KEYS[:30]:
        chosen = [strategy.choose(Candidates(group), hint(name, key)) for _ in range(3)]
        assert chosen == [chosen[0]] * 3


@pytest.mark.parametrize("name", HASHES)
def test_a_key_comes_back_to_its_own(name: str) -> None:
    """While its backend is out another stands in, always the same; then it is as before."""
    strategy, group = make(name), fleet(5)
    asked = hint(name, "session-1")
    first = strategy.choose(among(group), asked)
    assert first is not None
    first.up = False
    stand_in = strategy.choose(among(group), asked)
    assert stand_in is not None
    assert stand_in is not first
    assert strategy.choose(among(group), asked) is stand_in
    first.up = True
    assert strategy.choose(among(group), asked) is first


@pytest.mark.parametrize("name", HASHES)
@given(
    group=servers(max_size=12),
    keys=st.lists(st.sampled_from(["one", "two", "three"]), min_size=1, max_size=60),
    factor=st.sampled_from([1.0, 1.25, 2.0]),
)
def test_load_is_bounded(name: str, group: tuple[Server, ...], keys: list[str], factor: float) -> None:
    """However few keys there are: nobody takes a call above its share of the load times the factor."""
    for member in group:
        member.in_flight = 0
    up = [member for member in group if member.up]
    weight = sum(member.weight for member in up)
    strategy = make(name, factor)
    for calls, key in enumerate(keys if up else [], 1):
        chosen = strategy.choose(among(group), hint(name, key))
        assert chosen is not None
        chosen.in_flight += 1
        assert chosen.in_flight <= ceil(factor * calls * chosen.weight / weight + 1e-9)


@pytest.mark.parametrize("name", HASHES)
def test_load_is_bounded_in_large_groups_too(name: str) -> None:
    """There mean and room are looked for among a few at a time: nearly exact."""
    strategy, group = make(name), fleet(500)
    for _ in range(2000):
        chosen = strategy.choose(Candidates(group), hint(name, "everybody asks this"))
        assert chosen is not None
        chosen.in_flight += 1
    assert max(member.in_flight for member in group) <= ceil(1.25 * 4) + 2


@pytest.mark.parametrize("name", HASHES)
def test_without_a_key_everybody_takes_turns(name: str) -> None:
    strategy, group = make(name), fleet(3)
    chosen = [strategy.choose(Candidates(group), Hint()) for _ in range(6)]
    assert chosen == [*group, *group]
