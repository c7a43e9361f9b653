"""Keys that a backend refuses, through the engine: the next one is tried, and who rests is left in peace."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from continuum.chat import ChatRequest, Message
from continuum.config import from_mapping
from continuum.core import Call
from continuum.errors import AttemptsExhausted, ContinuumError, RateLimited
from continuum.resilience.keys import Rest
from continuum.runtime import Instance, open_instance
from continuum.testing.upstream import Answer, Completion, Plain, Request, Script, open_upstream, openai

REFUSED = Plain(openai.error("Incorrect API key provided.", "authentication_error"), 401)
FORBIDDEN = Plain(openai.error("Not with this key.", "permission_error"), 403)
THROTTLED = Plain(openai.error("Slow down.", "requests"), 429, (("retry-after", "7"),))


def backend(url: str, *keys: str, name: str = "b") -> dict[str, Any]:
    return {"name": name, "type": "openai", "url": url, "models": ["m"], "api_keys": list(keys)}


def running(*backends: dict[str, Any], **more: Any) -> Any:
    return open_instance(from_mapping({"backends": list(backends), "health_checks": {"enabled": False}, **more}))


async def call(instance: Instance) -> int:
    """One whole call; how many attempts it took."""
    request = Call.of_chat(ChatRequest("m", [Message.of_text("user", "hi")]), request_id="test")
    async with await instance.engine.open(request) as reply:
        async for _ in reply:
            pass
        return reply.attempts


def key_of(request: Request) -> str:
    return (request.header("authorization") or "").removeprefix("Bearer ")


def by_key(**answers: Answer) -> Script:
    def script(request: Request) -> Answer:
        return answers.get(key_of(request), Completion())

    return script


@pytest.mark.parametrize("refusal", [REFUSED, FORBIDDEN, THROTTLED])
async def test_the_next_key_is_tried_within_the_call(refusal: Answer) -> None:
    async with (
        open_upstream(by_key(bad=refusal)) as upstream,
        running(backend(upstream.url, "bad", "good", "fine")) as instance,
    ):
        assert [await call(instance) for _ in range(5)] == [2, 1, 1, 1, 1]
    assert [key_of(each) for each in upstream.calls] == ["bad", "good", "fine", "good", "fine", "good"]


async def test_keys_of_one_backend_do_not_stretch_the_budget() -> None:
    async with (
        open_upstream(REFUSED) as upstream,
        running(backend(upstream.url, *"abcdefgh")) as instance,
    ):
        with pytest.raises(AttemptsExhausted) as caught:
            await call(instance)
    assert caught.value.code == "upstream_auth"
    assert caught.value.details["attempts"] == len(upstream.calls) < 8


async def test_a_backend_not_tried_yet_comes_before_another_key() -> None:
    async with (
        open_upstream(REFUSED) as refusing,
        open_upstream() as good,
        running(backend(refusing.url, "a", "b", "c"), backend(good.url, "d", name="good")) as instance,
    ):
        for _ in range(4):
            assert await call(instance) <= 2


@pytest.mark.parametrize("keys", [(), ("only",)])
async def test_a_throttled_backend_is_left_in_peace(keys: tuple[str, ...]) -> None:
    async with open_upstream(THROTTLED) as upstream, running(backend(upstream.url, *keys)) as instance:
        for _ in range(3):
            with pytest.raises(RateLimited) as caught:
                await call(instance)
            assert caught.value.retry_after is not None
            assert 0 < caught.value.retry_after <= 7
    assert len(upstream.calls) == 1, "a rest that was asked for is kept"


async def test_others_answer_while_one_is_throttled() -> None:
    async with (
        open_upstream(THROTTLED) as throttled,
        open_upstream() as good,
        running(backend(throttled.url, "a"), backend(good.url, "b", name="good")) as instance,
    ):
        attempts = [await call(instance) for _ in range(6)]
    assert sum(attempts) == 7
    assert len(throttled.calls) == 1


async def test_a_key_that_is_the_only_one_is_tried_until_it_is_accepted() -> None:
    async with open_upstream() as upstream, running(backend(upstream.url, "only")) as instance:
        upstream.push(REFUSED, REFUSED)
        for _ in range(2):
            with pytest.raises(AttemptsExhausted):
                await call(instance)
        keys = instance.pool.backends[0].keys
        assert keys.resting(trio.current_time()) is Rest.DENIED
        assert await call(instance) == 1
        assert keys.resting(trio.current_time()) is None


async def test_a_key_that_has_rested_has_its_turn_again() -> None:
    async with (
        open_upstream() as upstream,
        running(backend(upstream.url, "a", "b")) as instance,
    ):
        upstream.push(Plain({}, 429, (("retry-after", "0"),)))
        assert await call(instance) == 2
        assert await call(instance) == 1
    assert {key_of(each) for each in upstream.calls[1:]} == {"a", "b"}


async def test_the_callers_own_fault_rests_nothing() -> None:
    async with open_upstream() as upstream, running(backend(upstream.url, "a")) as instance:
        upstream.push(Plain(openai.error("No."), 400), *[Plain(openai.error("No."), 500)] * 3)
        for _ in range(2):
            with pytest.raises(ContinuumError):
                await call(instance)
        assert instance.pool.backends[0].keys.resting(trio.current_time()) is None
