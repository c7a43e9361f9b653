"""The table of what a change of each section does, and that backends are let go only when nobody uses them."""

import pytest
import trio
from chat import TEXT
from patience import PATIENCE_S

from continuum.chat import ChatRequest, Message, TextDelta
from continuum.config import SECTIONS, open_memory
from continuum.config.judge import RESTART_ONLY
from continuum.core import Call
from continuum.errors import AttemptsExhausted, StreamBroken
from continuum.runtime import Instance, open_instance
from continuum.runtime.reload import AT_EACH_REQUEST, PARTS
from continuum.testing.upstream import Stream, Wait, open_upstream

QUIET = {"health_checks": {"enabled": False}}


def test_every_section_is_in_the_table() -> None:
    parts = {name for part in PARTS for name in part.sections}
    assert parts.isdisjoint(AT_EACH_REQUEST)
    assert parts.isdisjoint(RESTART_ONLY)
    heeded = parts | set(AT_EACH_REQUEST) | set(RESTART_ONLY)
    assert heeded == {*SECTIONS, "model_metadata_file"}, "a section that nobody heeds"


def entry(url: str, name: str, **more: object) -> dict[str, object]:
    return {"name": name, "type": "openai", "url": url, "models": ["m"], **more}


def call() -> Call:
    return Call.of_chat(ChatRequest("m", [Message.of_text("user", "hello")]), request_id="r")


async def answer(instance: Instance) -> str:
    async with await instance.engine.open(call()) as reply:
        return "".join([event.text async for frame in reply for event in frame.events if isinstance(event, TextDelta)])


async def commit(instance: Instance, **sections: object) -> None:
    await instance.store.commit(sections, source="api", user="admin")


async def test_a_backend_that_is_gone_finishes_what_it_began() -> None:
    gate = trio.Event()
    async with open_upstream(Stream((TEXT[:3], Wait(gate), TEXT[3:]))) as old, open_upstream() as new:
        store = open_memory({"backends": [entry(old.url, "a")], **QUIET})
        async with open_instance(store) as instance:
            (gone,) = instance.pool.backends
            async with await instance.engine.open(call()) as reply:
                await commit(instance, backends=[entry(new.url, "b")])
                assert await answer(instance) == TEXT
                assert (gone.in_flight, len(new.calls)) == (1, 1)
                gate.set()
                said = [event.text async for frame in reply for event in frame.events if isinstance(event, TextDelta)]
            assert "".join(said) == TEXT
            with trio.fail_after(PATIENCE_S):
                while old.open_connections:
                    await trio.lowlevel.checkpoint()
            assert gone.in_flight == 0


async def test_a_removed_backend_that_is_forced_out_is_cut() -> None:
    gate = trio.Event()
    async with open_upstream(Stream(("one", Wait(gate)))) as old:
        store = open_memory({"backends": [entry(old.url, "a")], **QUIET})
        async with open_instance(store) as instance, await instance.engine.open(call()) as reply:
            await reply.frames()
            await commit(instance, backends=[])
            instance.pool.cut("a")
            with trio.fail_after(PATIENCE_S), pytest.raises(StreamBroken):
                await reply.frames()


async def test_a_backend_that_was_cut_is_not_tried_again() -> None:
    """By the calls that came in before, and have nobody else to go to."""
    async with open_upstream(Stream((Wait(trio.Event()), TEXT))) as old:
        store = open_memory({"backends": [entry(old.url, "a")], "retry": {"base_delay": "1ms"}, **QUIET})
        async with open_instance(store) as instance, trio.open_nursery() as nursery:

            async def ask() -> None:
                with pytest.raises(AttemptsExhausted):
                    await instance.engine.open(call())

            nursery.start_soon(ask)
            await old.next_call()
            await commit(instance, backends=[])
            instance.pool.cut("a")
        assert len(old.calls) == 1


async def test_what_can_change_under_way_does_not_start_anew() -> None:
    async with open_upstream() as upstream:
        store = open_memory({"backends": [entry(upstream.url, "a"), entry(upstream.url, "b", api_key="k-1")], **QUIET})
        async with open_instance(store) as instance:
            one, two = instance.pool.backends
            soft = {"weight": 9, "models": ["m", "n"], "max_in_flight": 3}
            await commit(
                instance, backends=[entry(upstream.url, "b", api_key="k-2"), {**entry(upstream.url, "a"), **soft}]
            )
            assert instance.pool.backends[1] is one
            assert instance.pool.backends[0] is not two
            assert instance.pool.backends[0].breaker is two.breaker
            assert one.weight == 9
            assert {info.id for info in instance.models()} == {"m", "n"}
            await commit(instance, timeouts={"idle": "1s"}, health_checks={"enabled": False, "interval": "1s"})
            assert instance.pool.backends[1] is one


async def test_a_call_keeps_the_engine_it_came_in_with() -> None:
    store = open_memory(QUIET)
    async with open_instance(store) as instance:
        first = instance.engine.engine
        await commit(instance, retry={"max_attempts": 5})
        assert instance.engine.engine is first, "retuned"
        assert first.retries.section.max_attempts == 5
        await commit(instance, routing={"default_model": "m"})
        assert instance.engine.engine is not first
        assert instance.engine.engine.retries is first.retries
        assert instance.default_model() == "m"


async def test_what_a_host_program_sets_is_live_on_return() -> None:
    """Also where no file is watched."""
    async with open_upstream() as old, open_upstream() as new:
        store = open_memory({"backends": [entry(old.url, "a")], "hot_reload": {"enabled": False}, **QUIET})
        async with open_instance(store) as instance:
            config = await store.get_config()
            config.backends[0].url = new.url
            await store.set_config(config)
            assert await answer(instance) == TEXT
            assert (len(old.calls), len(new.calls)) == (0, 1)


async def test_counts_stay_with_the_name_of_a_backend_that_is_made_anew() -> None:
    async with open_upstream() as upstream:
        store = open_memory({"backends": [entry(upstream.url, "a", api_key="k-1")], **QUIET})
        async with open_instance(store) as instance:
            (before,) = instance.pool.backends
            assert await answer(instance) == TEXT
            await commit(instance, backends=[entry(upstream.url, "a", api_key="k-2")])
            (after,) = instance.pool.backends
            assert after is not before
            assert await answer(instance) == TEXT
            assert after.tally.total == 2
            await commit(instance, backends=[])
            await commit(instance, backends=[entry(upstream.url, "a")])
            assert instance.pool.backends[0].tally.total == 0, "another one of that name"


@pytest.mark.parametrize("strategy", ["RoundRobin", "WeightedRoundRobin"])
async def test_turns_go_on_through_a_reload(strategy: str) -> None:
    """One request between two reloads each: all have their turn, in their shares."""
    async with open_upstream() as a, open_upstream() as b, open_upstream() as c:
        upstreams = (a, b, c)
        entries = [entry(each.url, f"b{number}") for number, each in enumerate(upstreams)]
        store = open_memory({"backends": entries, "routing": {"selection_strategy": strategy}, **QUIET})
        async with open_instance(store) as instance:
            for turn in range(6):
                assert await answer(instance) == TEXT
                for idle in ("5m", "6m"):
                    await commit(instance, timeouts={"idle": idle, "connection": f"{turn + 1}s"})
            assert [len(each.calls) for each in upstreams] == [2, 2, 2]
            await commit(instance, backends=[{**entries[0], "weight": 4}, *entries[1:]])
            for _ in range(12):
                assert await answer(instance) == TEXT
            more = [len(each.calls) - 2 for each in upstreams]
            assert more == ([4, 4, 4] if strategy == "RoundRobin" else [8, 2, 2])
