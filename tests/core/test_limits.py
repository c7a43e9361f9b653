"""Limits through the engine in this process: what a call takes, what it gives back however it ends, and retuning."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from continuum.chat import ChatRequest, Image, Message, Operation, Text
from continuum.config import from_mapping
from continuum.core import Call, Principal, Reply
from continuum.core.estimate import ANSWER
from continuum.dialects import DIALECTS
from continuum.dialects.openai_chat import open_envelope
from continuum.errors import AttemptsExhausted, ModelNotFound, RateLimited
from continuum.metrics.instruments import RATE_LIMITED
from continuum.runtime import Instance, open_instance
from continuum.testing.upstream import (
    END,
    Answer,
    Completion,
    Hang,
    Plain,
    Raw,
    Request,
    Stream,
    Upstream,
    open_upstream,
    openai,
)

USED = 17
FAILING = Plain({"error": {"message": "no"}}, 500)


def running(upstream: Upstream, *models: str, **limits: Any) -> Any:
    alpha = {"name": "alpha", "type": "openai", "url": upstream.url, "models": list(models or ("m",))}
    quiet = {"health_checks": {"enabled": False}, "circuit_breaker": {"enabled": False}, "retry": {"max_attempts": 1}}
    return open_instance(from_mapping({"backends": [alpha], "rate_limiting": section_with(**limits), **quiet}))


def section_with(**limits: Any) -> dict[str, Any]:
    return {"enabled": True, "limits": limits}


def retuned(**limits: Any) -> Any:
    return from_mapping({"rate_limiting": section_with(**limits)}).rate_limiting


def ordinary(request: Request) -> Answer:
    del request
    return Completion()


def call(model: str = "m", *, client: str | None = "192.0.2.1", key: Principal | None = None, **body: Any) -> Call:
    raw = json.dumps({"model": model, "messages": [], **body}).encode()
    dialect = DIALECTS["openai_chat"]
    more: dict[str, Any] = {} if key is None else {"principal": key}
    return Call.of_body(Operation.CHAT, dialect, open_envelope(raw), request_id="test", client=client, **more)


async def finish(instance: Instance, asked: Call) -> Reply:
    async with await instance.engine.open(asked) as reply:
        while reply.body is None and await reply.frames():
            pass
    return reply


async def left(instance: Instance, **body: Any) -> int:
    """Tokens that the client has left, looked at by a call that takes one."""
    reply = await finish(instance, call(max_tokens=0, **body))
    assert reply.standing is not None
    assert reply.standing.tokens is not None
    return reply.standing.tokens.remaining


@pytest.mark.parametrize("stream", [False, True])
async def test_real_usage_is_what_counts(*, stream: bool) -> None:
    async with open_upstream() as upstream, running(upstream, per_client={"tokens_per_minute": 1000}) as instance:
        await finish(instance, call(stream=stream, max_tokens=700))
        assert await left(instance) in range(1000 - USED - 15, 1000 - USED + 1)


async def test_an_answer_that_reports_no_usage_is_counted_by_what_went_by() -> None:
    end = (openai.chunk("m", {}, "stop"), b"data: [DONE]\n\n", END)
    choice = {"index": 0, "message": {"role": "assistant", "content": "x" * 400}, "finish_reason": "stop"}
    async with open_upstream() as upstream, running(upstream, per_client={"tokens_per_minute": 1000}) as instance:
        upstream.push(Stream(("word ",) * 100, tail=end), Plain({"id": "c", "model": "m", "choices": [choice]}))
        await finish(instance, call(stream=True, max_tokens=700))
        assert 1000 - await left(instance) in range(100, 140)
        await finish(instance, call(max_tokens=700))
        assert 1000 - await left(instance) in range(220, 320)


async def test_a_failed_call_costs_its_request_and_no_tokens() -> None:
    limit = {"tokens_per_minute": 1000, "requests_per_minute": 3, "max_in_flight": 1}
    async with open_upstream(FAILING) as upstream, running(upstream, per_client=limit) as instance:
        for _ in range(2):
            with pytest.raises(AttemptsExhausted) as caught:
                await finish(instance, call(max_tokens=900))
            assert caught.value.details["standing"]
        upstream.script = ordinary
        assert await left(instance) > 980
        with pytest.raises(RateLimited, match="3 requests per minute"):
            await finish(instance, call())


@pytest.mark.parametrize("answer", [Raw((Hang(),)), Stream(("one", Hang()))])
async def test_a_cancelled_call_gives_back_its_slot_and_its_tokens(answer: Answer) -> None:
    limit = {"tokens_per_minute": 1000, "max_in_flight": 1}
    async with open_upstream() as upstream, running(upstream, per_client=limit, per_model=limit) as instance:
        upstream.push(answer)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(finish, instance, call(stream=True, max_tokens=900))
            await upstream.next_call()
            with pytest.raises(RateLimited, match="1 request at a time for this client"):
                await finish(instance, call())
            nursery.cancel_scope.cancel()
        assert await left(instance) > 950


async def test_who_is_refused_by_a_shared_limit_has_lost_nothing_of_its_own() -> None:
    limits = {"per_client": {"requests_per_minute": 3}, "per_model": {"requests_per_minute": 1}}
    async with open_upstream() as upstream, running(upstream, "m", "n", **limits) as instance:
        await finish(instance, call())
        for _ in range(5):
            with pytest.raises(RateLimited, match="for this model"):
                await finish(instance, call())
        reply = await finish(instance, call("n"))
        assert reply.standing is not None
        assert reply.standing.requests is not None
        assert reply.standing.requests.remaining == 1


@pytest.mark.parametrize(
    ("scope", "label"),
    [
        ("per_client", "client"),
        ("per_api_key", "key"),
        ("per_model", "model"),
        ("per_backend", "backend"),
        ("global", "global"),
    ],
)
async def test_a_refusal_is_counted_by_whose_limit_it_was(scope: str, label: str) -> None:
    async with open_upstream() as upstream, running(upstream, **{scope: {"requests_per_minute": 1}}) as instance:
        key = Principal("k") if label == "key" else None
        await finish(instance, call(key=key))
        for _ in range(3):
            with pytest.raises(RateLimited):
                await finish(instance, call(key=key))
        assert instance.pool.meter.counts(RATE_LIMITED) == {(label,): 3}


async def test_a_call_for_no_known_model_counts() -> None:
    async with open_upstream() as upstream, running(upstream, per_client={"requests_per_minute": 1}) as instance:
        with pytest.raises(ModelNotFound):
            await finish(instance, call("nobody"))
        with pytest.raises(RateLimited):
            await finish(instance, call("nobody"))


async def test_a_model_counts_once_whatever_it_is_called_and_however_often_it_is_tried() -> None:
    async with open_upstream() as upstream, running(upstream, per_model={"requests_per_minute": 2}) as instance:
        upstream.push(FAILING)
        with pytest.raises(AttemptsExhausted):
            await finish(instance, call("alpha/m"))
        await finish(instance, call("m"))
        with pytest.raises(RateLimited):
            await finish(instance, call("alpha/m"))


async def test_an_agents_turns_have_no_address_and_share_all_other_limits() -> None:
    turn = ChatRequest("m", [Message("user", [Text("hello " * 40), Image("data:image/png;base64,AAAA")])], max_tokens=5)
    limits = {"per_client": {"requests_per_minute": 1}, "global": {"tokens_per_minute": 100}}
    async with open_upstream() as upstream, running(upstream, **limits) as instance:
        asked = Call.of_chat(turn, request_id="turn")
        assert asked.estimate() == (60, 5)
        for _ in range(2):
            await finish(instance, asked)
        await finish(instance, asked)
        with pytest.raises(RateLimited, match="100 tokens per minute for all callers together"):
            await finish(instance, asked)


async def test_retuning_keeps_what_was_counted_and_holds_at_once() -> None:
    async with open_upstream() as upstream, running(upstream, per_client={"requests_per_minute": 10}) as instance:

        async def remaining() -> int:
            reply = await finish(instance, call())
            assert reply.standing is not None
            assert reply.standing.requests is not None
            return reply.standing.requests.remaining

        assert [await remaining() for _ in range(3)] == [9, 8, 7]
        instance.limits.retune(retuned(per_client={"requests_per_minute": 100}))
        assert await remaining() == 6, "a higher limit fills from where the bucket stands"
        instance.limits.retune(retuned(per_client={"requests_per_minute": 2}))
        assert await remaining() == 1
        instance.limits.retune(from_mapping({"rate_limiting": {"enabled": False}}).rate_limiting)
        for _ in range(5):
            assert (await finish(instance, call())).standing is None
        instance.limits.retune(retuned(per_client={"requests_per_minute": 2}))
        assert await remaining() == 0
        with pytest.raises(RateLimited):
            await remaining()


async def test_slots_held_while_limits_change_are_given_back() -> None:
    async with open_upstream() as upstream, running(upstream, per_client={"max_in_flight": 2}) as instance:
        first = await instance.engine.open(call(stream=True))
        instance.limits.retune(retuned(per_client={"max_in_flight": 1}))
        with pytest.raises(RateLimited):
            await instance.engine.open(call())
        await first.aclose()
        await first.aclose()
        second = await instance.engine.open(call(stream=True))
        with pytest.raises(RateLimited):
            await instance.engine.open(call())
        await second.aclose()


async def test_a_keys_limits_are_read_anew_with_every_call() -> None:
    async with open_upstream() as upstream, running(upstream) as instance:
        assert (await finish(instance, call(key=Principal("k")))).standing is None
        await finish(instance, call(key=Principal("k", rate_limit=1)))
        with pytest.raises(RateLimited, match="1 request per minute for this API key"):
            await finish(instance, call(key=Principal("k", rate_limit=1)))
        await finish(instance, call(key=Principal("other", rate_limit=1)))


@pytest.mark.parametrize(
    ("body", "prompt", "answer"),
    [
        ({}, 8, ANSWER),
        ({"max_tokens": 30}, 13, 30),
        ({"max_completion_tokens": 40, "max_tokens": 30}, 20, 40),
        ({"max_tokens": 30, "n": 3}, 15, 90),
        ({"max_tokens": "many"}, 13, ANSWER),
        ({"max_tokens": -5, "n": -1}, 15, 0),
        ({"user": "data:image/png;base64," + "A" * 400_000}, 1013, ANSWER),
        ({"user": "data:image/png;base64,AA"}, 1013, ANSWER),
    ],
)
def test_the_estimate(body: dict[str, Any], prompt: int, answer: int) -> None:
    found = call(**body).estimate()
    assert found[0] in range(prompt - 4, prompt + 5)
    assert found[1] == answer


async def test_a_global_prompt_is_part_of_the_estimate() -> None:
    """Which it is, the backend decides: until then the longest counts."""
    prompts = {"default": "w" * 800, "models": {"n": {"prompt": "w" * 80}}, "backends": {"alpha": {"prompt": ""}}}
    section = section_with(per_client={"tokens_per_minute": 1000})
    async with open_upstream() as upstream:
        alpha = {"name": "alpha", "type": "openai", "url": upstream.url, "models": ["m", "n"]}
        config = from_mapping(
            {
                "backends": [alpha],
                "rate_limiting": section,
                "global_prompts": prompts,
                "health_checks": {"enabled": False},
                "routing": {"aliases": {"nick": "n"}},
            }
        )
        async with open_instance(config) as instance:
            for client, (model, tokens) in enumerate({"m": 200, "n": 20, "nick": 20}.items()):
                asked = call(model, client=f"192.0.2.{client + 1}", max_tokens=0)
                async with await instance.engine.open(asked) as reply:
                    assert reply.standing is not None
                    assert reply.standing.tokens is not None
                    assert 1000 - reply.standing.tokens.remaining in range(tokens, tokens + 15)
