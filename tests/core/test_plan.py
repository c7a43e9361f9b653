"""Planning looks things up: what a catalog's list led to is kept until the list is another one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from continuum.backends.backend import Availability, Backend, Shared
from continuum.backends.catalog import Served
from continuum.backends.client import UpstreamClient
from continuum.backends.pool import Pool
from continuum.backends.tally import Tally
from continuum.chat import ChatRequest, Message
from continuum.config import from_mapping
from continuum.core import Call
from continuum.core.plan import Planner
from continuum.errors import ModelNotFound
from continuum.metrics import Meter
from continuum.resilience.breaker import Breakers
from continuum.selection import STRATEGIES

LOOKS: list[str] = []


class Watched(Backend):
    """A backend that is never full and tells who was asked whether it is."""

    @property
    def full(self) -> bool:
        LOOKS.append(self.name)
        return False


@dataclass
class Listing:
    """A catalog whose lists the test replaces."""

    lists: dict[str, list[Served]] = field(default_factory=dict[str, list[Served]])
    empty: bool = False

    def serving(self, model: str) -> list[Served]:
        return self.lists.get(model) or []


@dataclass
class Backends:
    backends: Sequence[Backend]
    catalog: Listing


def rig(count: int, **routing: Any) -> tuple[Planner, Listing, list[Backend]]:
    entries = [{"name": f"b{number}", "url": "http://127.0.0.1:9", "models": ["m"]} for number in range(count)]
    config = from_mapping({"backends": entries, "routing": routing})
    client, availability = cast("UpstreamClient", None), Availability()
    breakers = Breakers(config.circuit_breaker)
    made: list[Backend] = [
        Watched(
            entry, client, side_client=client, shared=Shared(availability, breakers.of(entry.name), Tally(), Meter())
        )
        for entry in config.backends
    ]
    listing = Listing({"m": [Served(backend, "m") for backend in made]})
    return Planner(config.routing, cast("Pool", Backends(made, listing))), listing, made


def call() -> Call:
    return Call.of_chat(ChatRequest("m", [Message.of_text("user", "hello")]), request_id="r", affinity="s")


def test_a_plan_is_kept_while_the_list_is_the_same() -> None:
    planner, _, _ = rig(3)
    assert planner.plan("m") is planner.plan("m")


def test_a_list_of_the_same_backends_changes_nothing() -> None:
    planner, listing, _ = rig(3)
    plan = planner.plan("m")
    members = plan.group.members
    listing.lists["m"] = list(listing.lists["m"])
    assert planner.plan("m") is plan
    assert plan.group.members is members


def test_who_joins_or_leaves_does_not_start_turns_anew() -> None:
    planner, listing, (one, two, three) = rig(3)
    listing.lists["m"] = listing.lists["m"][:2]
    assert planner.plan("m").group.choose(call(), ()) is one
    listing.lists["m"] = [Served(each, "m") for each in (one, two, three)]
    chosen = [planner.plan("m").group.choose(call(), ()) for _ in range(3)]
    assert chosen == [two, three, one]


def test_a_model_that_is_gone_is_not_found_by_memory() -> None:
    planner, listing, _ = rig(1)
    planner.plan("m")
    listing.lists.clear()
    with pytest.raises(ModelNotFound):
        planner.plan("m")


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_choice_among_many_looks_at_few(strategy: str) -> None:
    planner, _, backends = rig(2000, selection_strategy=strategy)
    for backend in backends:
        backend.in_flight = 2
    planner.plan("m").group.choose(call(), ())
    for tried in ((), backends[:1]):
        LOOKS.clear()
        chosen = planner.plan("m").group.choose(call(), tried)
        assert chosen not in tried
        assert len(LOOKS) <= 40
