"""Who answers: rules, aliases, pins, the default model, sessions and weights, through the real process."""

import json
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from chat import Received, ask, asked, client_of
from serving import backend, config, open_router

from continuum.testing.upstream import FAULTS, Completion, Hang, Request, Upstream, open_upstream

NAMES = ("alpha", "beta", "gamma")


class Rig:
    """Three scripted upstreams behind one router."""

    def __init__(self, upstreams: Mapping[str, Upstream], client: httpx.AsyncClient) -> None:
        self.upstreams = upstreams
        self.client = client

    async def get(self, model: object = "test-model", headers: Mapping[str, str] | None = None) -> Received:
        return await ask(self.client, asked(model), headers)

    async def backends(self, count: int, model: object = "test-model", **headers: str) -> list[str]:
        """Who answered each of so many calls, one after the other."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return [(await self.get(model, named)).headers["x-continuum-backend"] for _ in range(count)]


@asynccontextmanager
async def rig(
    home: Path, routing: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]] | None = None
) -> AsyncGenerator[Rig]:
    async with AsyncExitStack() as stack:
        upstreams = {name: await stack.enter_async_context(open_upstream()) for name in NAMES}
        configured = [backend(upstreams[name].url, name, **(entries or {}).get(name, {})) for name in NAMES]
        router = await stack.enter_async_context(open_router(home, config(*configured, routing=routing)))
        yield Rig(upstreams, await stack.enter_async_context(client_of(router.url)))


async def test_weights_are_kept(tmp_path: Path) -> None:
    weights = {"alpha": {"weight": 3}, "gamma": {"weight": 2}}
    async with rig(tmp_path, {"selection_strategy": "WeightedRoundRobin"}, weights) as three:
        assert Counter(await three.backends(12)) == {"alpha": 6, "gamma": 4, "beta": 2}


async def test_each_model_has_turns_of_its_own(tmp_path: Path) -> None:
    """Two models asked alternately: neither is tied to one backend."""
    entries = {name: {"models": ["one", "two"]} for name in ("alpha", "beta")}
    async with rig(tmp_path, {}, entries) as three:
        seen = [(await three.backends(1, model))[0] for model in ("one", "two") * 2]
    assert seen == ["alpha", "alpha", "beta", "beta"]


async def test_the_idle_one_is_chosen(tmp_path: Path) -> None:
    async with rig(tmp_path, {"selection_strategy": "LeastInFlight"}) as three, trio.open_nursery() as nursery:
        three.upstreams["alpha"].push(Completion(before=(Hang(),)))
        nursery.start_soon(three.get)
        await three.upstreams["alpha"].next_call()
        assert set(await three.backends(6)) == {"beta", "gamma"}
        nursery.cancel_scope.cancel()


async def test_the_untried_are_tried_and_failures_are_not_fast(tmp_path: Path) -> None:
    """A backend that refuses at once does not attract calls by answering quickly."""
    async with rig(tmp_path, {"selection_strategy": "LeastLatency"}) as three:
        three.upstreams["alpha"].push(*[FAULTS["status-500"].answer] * 10)
        received = await three.get()
        assert (received.headers["x-continuum-backend"], received.headers["x-continuum-attempts"]) == ("beta", "2")
        assert await three.backends(1) == ["gamma"]
        assert set(await three.backends(8)) <= {"beta", "gamma"}
        assert len(three.upstreams["alpha"].calls) == 1


async def test_a_session_stays_where_it_is(tmp_path: Path) -> None:
    async with rig(tmp_path, {"selection_strategy": "ConsistentHash"}) as three:
        homes = {key: set(await three.backends(3, x_session_id=key)) for key in map(str, range(12))}
        assert all(len(home) == 1 for home in homes.values())
        assert set[str]().union(*homes.values()) == set(NAMES)
        assert set(await three.backends(6)) == set(NAMES), "without a session they take turns"
        (home,) = homes["0"]
        await three.upstreams[home].go_down()
        stand_ins = set(await three.backends(3, x_session_id="0"))
        assert len(stand_ins) == 1
        assert home not in stand_ins


async def test_the_first_affinity_header_counts(tmp_path: Path) -> None:
    routing = {"selection_strategy": "ConsistentHash", "affinity_headers": ["X-Team", "x-user"]}
    async with rig(tmp_path, routing) as three:
        homes = [await three.backends(1, x_team="blue", x_user=str(user)) for user in range(8)]
        assert homes == [homes[0]] * 8
        assert len({home for user in range(12) for home in await three.backends(1, x_user=str(user))}) > 1
        assert len({home for user in range(12) for home in await three.backends(1, x_team="", x_user=str(user))}) > 1
        for upstream in three.upstreams.values():
            assert not any(call.header("x-team") for call in upstream.calls), "the header is ours"


async def test_a_busy_home_is_passed_over(tmp_path: Path) -> None:
    """Bounded load: six calls of one session at once are not all given to one of three backends."""
    async with rig(tmp_path, {"selection_strategy": "ConsistentHash"}) as three, trio.open_nursery() as nursery:
        arrived = trio.Semaphore(0)

        def hold(_: Request) -> Completion:
            arrived.release()
            return Completion(before=(Hang(),))

        for upstream in three.upstreams.values():
            upstream.script = hold
        for _ in range(6):
            nursery.start_soon(three.get, "test-model", {"x-session-id": "hot"})
        for _ in range(6):
            await arrived.acquire()
        assert max(len(upstream.calls) for upstream in three.upstreams.values()) <= 3
        nursery.cancel_scope.cancel()


async def test_prompts_that_begin_alike_meet(tmp_path: Path) -> None:
    routing = {"selection_strategy": "PrefixAwareHash", "prefix": {"length": 9}}

    async def home(three: Rig, text: str) -> str:
        body = {"model": "test-model", "messages": [{"role": "user", "content": text}]}
        return str((await ask(three.client, body)).headers["x-continuum-backend"])

    async with rig(tmp_path, routing) as three:
        alike = {await home(three, f"topic 001 and question {number}") for number in range(6)}
        unlike = {await home(three, f"topic {number:03} and a question") for number in range(12)}
    assert len(alike) == 1
    assert unlike == set(NAMES)


async def test_the_first_rule_that_matches_counts(tmp_path: Path) -> None:
    models = ["gpt-small", "gpt-large", "other"]
    routing = {
        "rules": [
            {"match": "gpt-l*", "backends": ["gamma"]},
            {"match": "gpt-*", "backends": ["alpha", "beta", "gone"], "strategy": "LeastInFlight"},
        ],
        "aliases": {"big": "gpt-large", "nickname": "alpha/gpt-large"},
    }
    async with rig(tmp_path, routing, {name: {"models": models} for name in NAMES}) as three:
        assert set(await three.backends(4, "gpt-large")) == {"gamma"}
        assert set(await three.backends(4, "gpt-small")) == {"alpha", "beta"}
        assert set(await three.backends(6, "other")) == set(NAMES)
        assert set(await three.backends(2, "big")) == {"gamma"}, "an alias is resolved before rules are asked"
        assert set(await three.backends(2, "beta/gpt-large")) == {"beta"}, "a pin is the caller's word"
        assert set(await three.backends(2, "beta/big")) == {"beta"}
        assert set(await three.backends(2, "nickname")) == {"alpha"}
        received = await three.get("beta/big")
        assert received.headers["x-continuum-model"] == "beta/gpt-large"
        assert three.upstreams["beta"].calls[-1].model == "gpt-large"


async def test_a_rule_stays_within_its_backends(tmp_path: Path) -> None:
    """Also when one of them fails, and when none of them is there."""
    routing = {
        "rules": [{"match": "test-*", "backends": ["alpha", "beta"]}, {"match": "only", "backends": ["gone"]}],
    }
    entries = {name: {"models": ["test-model", "only"]} for name in NAMES}
    async with rig(tmp_path, routing, entries) as three:
        for name in ("alpha", "beta"):
            await three.upstreams[name].go_down()
        assert (await three.get()).status == 502
        assert three.upstreams["gamma"].calls == []
        received = await three.get("only")
        assert (received.status, received.error["code"]) == (503, "no_backend")


async def test_a_rule_may_send_a_model_that_nobody_lists(tmp_path: Path) -> None:
    """To backends whose models are asked of their servers; a configured list is the operator's last word."""
    routing = {"rules": [{"match": "preview-*", "backends": ["alpha", "beta"]}]}
    async with rig(tmp_path, routing, {"beta": {"models": []}}) as three:
        assert set(await three.backends(3, "preview-9")) == {"beta"}
        assert three.upstreams["beta"].calls[-1].model == "preview-9"
        assert (await three.get("nobody-lists-this")).status == 404


async def test_pins_have_no_stand_in(tmp_path: Path) -> None:
    async with rig(tmp_path, {}) as three:
        assert set(await three.backends(3, "beta/test-model")) == {"beta"}
        assert three.upstreams["beta"].calls[0].model == "test-model"
        await three.upstreams["beta"].go_down()
        received = await three.get("beta/test-model")
        assert (received.status, received.headers["x-continuum-attempts"]) == (502, "3")
        assert (await three.get("beta/unknown")).status == 404


@pytest.mark.parametrize("named", [{}, {"model": None}, {"model": ""}])
async def test_who_names_no_model_gets_the_default(tmp_path: Path, named: Mapping[str, Any]) -> None:
    routing = {"default_model": "usual", "aliases": {"usual": "test-model"}}
    body = json.dumps({**named, "messages": [{"role": "user", "content": "hello"}]}).encode()
    async with rig(tmp_path, routing) as three:
        received = await ask(three.client, body)
        assert received.is_whole()
        assert received.headers["x-continuum-model"] == "test-model"
        assert three.upstreams["alpha"].calls[0].json == {**json.loads(body), "model": "test-model"}
        assert (await three.get(7)).status == 400, "a wrong name is still wrong"
        assert (await three.get("default")).status == 404, "and a name is a name"


async def test_a_full_backend_is_passed_over(tmp_path: Path) -> None:
    async with rig(tmp_path, {}, {"alpha": {"max_in_flight": 1}}) as three, trio.open_nursery() as nursery:
        three.upstreams["alpha"].push(Completion(before=(Hang(),)))
        nursery.start_soon(three.get)
        await three.upstreams["alpha"].next_call()
        assert await three.backends(4) == ["beta", "gamma"] * 2
        received = await three.get("alpha/test-model")
        assert (received.status, received.error["code"]) == (429, "rate_limit_exceeded")
        nursery.cancel_scope.cancel()
