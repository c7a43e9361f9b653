"""Candidates for strategies to choose among, and groups of them in every state for hypothesis to draw."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from continuum.selection import Candidates


@dataclass
class Server:
    """A candidate as plain data."""

    name: str
    weight: int = 1
    in_flight: int = 0
    latency: float | None = None
    up: bool = True


@dataclass(frozen=True)
class Tuning:
    """What the configuration would say."""

    max_load_factor: float = 1.25


def fleet(size: int) -> tuple[Server, ...]:
    """So many idle servers."""
    return tuple(Server(f"s{number}") for number in range(size))


def among(members: Sequence[Server]) -> Candidates[Server]:
    """Those that are up can take calls."""
    return Candidates(members, lambda member: member.up)


def servers(*, max_size: int = 12, max_weight: int = 100) -> st.SearchStrategy[tuple[Server, ...]]:
    """Groups in any state: unlike weights, loads and latencies, some of them down."""
    states = st.tuples(
        st.integers(1, max_weight),
        st.integers(0, 50),
        st.none() | st.floats(0, 100, allow_nan=False),
        st.booleans(),
    )
    return st.lists(states, min_size=1, max_size=max_size).map(
        lambda drawn: tuple(Server(f"s{number}", *state) for number, state in enumerate(drawn))
    )
