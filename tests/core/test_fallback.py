"""Fallback chains through the engine, against scripted upstreams: when they are followed, how far, and by whom."""

from __future__ import annotations

import json
from typing import Any

import pytest

from continuum.chat import ChatRequest, Message, Operation
from continuum.config import Config, from_mapping
from continuum.core import Call, Principal
from continuum.core.fallback import Chains, Fallen
from continuum.dialects import DIALECTS
from continuum.dialects.openai_chat import open_envelope
from continuum.errors import (
    AttemptsExhausted,
    AttemptsTimedOut,
    CircuitOpen,
    ConfigError,
    ConnectFailed,
    ContinuumError,
    DeadlinePassed,
    InvalidRequest,
    ModelNotFound,
    NoBackendAvailable,
    StreamBroken,
    UpstreamRejected,
)
from continuum.runtime import Instance, open_instance
from continuum.testing.upstream import FAULTS, Answer, Completion, Hang, Plain, Raw, Request, open_upstream, openai

CONDITIONS = ("timeout", "connection_error", "model_not_found", "circuit_breaker_open", "context_length_exceeded")
TOO_LONG = {
    "openai": openai.error("Too long.", "invalid_request_error", "context_length_exceeded"),
    "vllm": openai.error("This model's maximum context length is 4096 tokens.", "BadRequestError"),
    "llamacpp": openai.error("the request exceeds the available context size", "exceed_context_size_error"),
    "anthropic": openai.error("prompt is too long: 210000 tokens > 200000 maximum"),
    "gemini": openai.error("The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."),
}


def configuration(url: str, *, kind: str = "openai", chains: Any = None, **policy: Any) -> Config:
    """The model `first` and its stand-ins, each of a backend of its own."""
    models = ("first", "second", "third")
    backends = [{"name": model, "type": "openai", "url": url, "models": [model]} for model in models]
    backends[0]["type"] = kind
    times = {"request": {"streaming": {"first_byte": "1s"}, "standard": {"first_byte": "1s"}}}
    return from_mapping(
        {
            "backends": backends,
            "health_checks": {"enabled": False},
            "retry": {"max_attempts": 1},
            "timeouts": times,
            "routing": {"aliases": {"nick": "first"}},
            "fallback": {
                "enabled": True,
                "fallback_chains": {"first": ["second", "third"]} if chains is None else chains,
                "fallback_policy": policy,
            },
        }
    )


def failing(*models: str, answer: Answer) -> Any:
    def script(request: Request) -> Answer:
        return answer if request.model in models else Completion()

    return script


def asked(model: str = "first", principal: Principal = Principal(), **more: Any) -> Call:  # noqa: B008 - a frozen value
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
    envelope = open_envelope(json.dumps(body).encode())
    return Call.of_body(Operation.CHAT, DIALECTS["openai_chat"], envelope, request_id="test", principal=principal)


async def fallback_of(instance: Instance, call: Call) -> Fallen | None:
    async with await instance.engine.open(call) as reply:
        return reply.fallback


FAILURES: dict[str, Answer] = {
    "error_code_429": FAULTS["status-429"].answer,
    "error_code_500": FAULTS["status-500"].answer,
    "error_code_502": FAULTS["broken-json"].answer,
    "error_code_529": FAULTS["status-529"].answer,
    "timeout": Raw((Hang(),)),
    "model_not_found": FAULTS["status-404"].answer,
}


@pytest.mark.parametrize("reason", FAILURES)
async def test_a_failure_leads_to_the_next_model(reason: str) -> None:
    script = failing("first", answer=FAILURES[reason])
    async with (
        open_upstream(script) as upstream,
        open_instance(configuration(upstream.url)) as instance,
        await instance.engine.open(asked("nick")) as reply,
    ):
        assert reply.fallback == Fallen("nick", "second", reason, 1)
        assert (reply.model, reply.backend, reply.attempts) == ("second", "second", 2)


@pytest.mark.parametrize("kind", TOO_LONG)
async def test_a_prompt_too_long_for_one_model_goes_to_the_next(kind: str) -> None:
    async with open_upstream(Plain(TOO_LONG[kind], 400), face=kind) as small, open_upstream() as large:
        config = configuration(large.url, kind=kind)
        config.backends[0].url = small.url
        async with open_instance(config) as instance:
            fallen = await fallback_of(instance, asked())
    assert fallen == Fallen("first", "second", "context_length_exceeded", 1)


async def test_nobody_listens() -> None:
    async with open_upstream(listens=False) as dead, open_upstream() as alive:
        config = configuration(dead.url)
        config.backends[1].url = alive.url
        async with open_instance(config) as instance:
            assert await fallback_of(instance, asked()) == Fallen("first", "second", "connection_error", 1)


async def test_an_open_circuit_and_an_unknown_model() -> None:
    script = failing("first", answer=FAULTS["status-500"].answer)
    async with open_upstream(script) as upstream:
        chains = {"first": ["second"], "nobody-has-it": ["third"]}
        async with open_instance(configuration(upstream.url, chains=chains)) as instance:
            for _ in range(5):
                await fallback_of(instance, asked())
            fallen = await fallback_of(instance, asked())
            assert fallen == Fallen("first", "second", "circuit_breaker_open", 1)
            fallen = await fallback_of(instance, asked("nobody-has-it"))
            assert fallen == Fallen("nobody-has-it", "third", "model_not_found", 1)
        assert sum(call.model == "first" for call in upstream.calls) == 5


async def test_the_chain_is_followed_to_its_end_and_the_first_failure_told() -> None:
    script = failing("second", answer=FAULTS["status-503"].answer)
    async with open_upstream(script) as upstream, open_instance(configuration(upstream.url)) as instance:
        upstream.push(Raw((Hang(),)))
        assert await fallback_of(instance, asked()) == Fallen("first", "third", "timeout", 2)
        upstream.push(FAULTS["status-500"].answer, FAULTS["status-502"].answer, FAULTS["status-503"].answer)
        with pytest.raises(AttemptsExhausted) as caught:
            await fallback_of(instance, asked())
    assert caught.value.details["model"] == "first"


async def test_no_further_than_allowed() -> None:
    answer = FAULTS["status-500"].answer
    async with (
        open_upstream(answer) as upstream,
        open_instance(configuration(upstream.url, max_fallback_attempts=1)) as instance,
    ):
        with pytest.raises(AttemptsExhausted):
            await fallback_of(instance, asked())
    assert [call.model for call in upstream.calls] == ["first", "second"]


async def test_a_callers_own_fault_and_a_broken_stream_go_nowhere() -> None:
    async with open_upstream() as upstream, open_instance(configuration(upstream.url)) as instance:
        upstream.push(FAULTS["status-422"].answer, FAULTS["cut-by-reset"].answer)
        with pytest.raises(UpstreamRejected):
            await fallback_of(instance, asked())
        call = Call.of_chat(ChatRequest("first", [Message.of_text("user", "hi")]), request_id="test")
        async with await instance.engine.open(call) as reply:
            assert reply.fallback is None
            with pytest.raises(StreamBroken):
                _ = [frame async for frame in reply]
    assert {call.model for call in upstream.calls} == {"first"}


async def test_a_key_reaches_only_its_own_models_by_any_way() -> None:
    async with (
        open_upstream(failing("first", answer=FAULTS["status-500"].answer)) as upstream,
        open_instance(configuration(upstream.url)) as instance,
    ):
        some = asked(principal=Principal("k", models=("first", "th*")))
        assert await fallback_of(instance, some) == Fallen("first", "third", "error_code_500", 1)
        with pytest.raises(AttemptsExhausted):
            await fallback_of(instance, asked(principal=Principal("k", models=("first",))))
    assert {call.model for call in upstream.calls} == {"first", "third"}


@pytest.mark.parametrize("kept", [True, False])
async def test_parameters_are_kept_as_configured(kept: bool) -> None:  # noqa: FBT001 - pytest's parameter
    script = failing("first", answer=FAULTS["status-500"].answer)
    async with (
        open_upstream(script) as upstream,
        open_instance(configuration(upstream.url, preserve_parameters=kept)) as instance,
    ):
        await fallback_of(instance, asked(temperature=0.5, vendor={"x": 1}, tools=[], max_tokens=9))
        request = ChatRequest("first", [Message.of_text("user", "hi")], temperature=0.5, extra={"top_k": 3})
        await fallback_of(instance, Call.of_chat(request, request_id="test"))
    plain, chat = (call.json for call in upstream.calls if call.model == "second")
    essential = {"model", "messages", "tools"}
    assert plain.keys() == essential | ({"temperature", "vendor", "max_tokens"} if kept else set())
    assert chat["messages"] == [{"role": "user", "content": "hi"}]
    assert ("temperature" in chat, "top_k" in chat) == (kept, kept)


def chains(**conditions: Any) -> Chains:
    section = from_mapping({"fallback": {"fallback_policy": {"trigger_conditions": conditions}}}).fallback
    return Chains(section, {})


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_that_is_switched_off_leads_nowhere(condition: str) -> None:
    too_long = UpstreamRejected("", status=400)
    too_long.too_long = True
    unconnected = AttemptsExhausted("")
    unconnected.last = ConnectFailed("")
    faults: dict[str, ContinuumError] = {
        "model_not_found": ModelNotFound(""),
        "circuit_breaker_open": CircuitOpen(""),
        "context_length_exceeded": too_long,
        "timeout": AttemptsTimedOut(""),
        "connection_error": unconnected,
    }
    assert chains().reason(faults[condition]) == condition
    assert chains(**{condition: False}).reason(faults[condition]) is None


def test_who_is_not_waited_for_and_who_must_change_the_request() -> None:
    assert chains().reason(DeadlinePassed("")) is None
    assert chains().reason(InvalidRequest("")) is None
    assert chains().reason(NoBackendAvailable("")) == "error_code_503"
    assert chains(error_codes=[500]).reason(NoBackendAvailable("")) is None


def test_chains_that_are_switched_off() -> None:
    section = from_mapping({"fallback": {"fallback_chains": {"a": ["b"]}}}).fallback
    assert Chains(section, {}).after("a") == ()


def test_loops_are_refused() -> None:
    with pytest.raises(ConfigError, match="a -> b -> a"):
        from_mapping({"fallback": {"fallback_chains": {"a": ["b"], "b": ["a"]}}})
