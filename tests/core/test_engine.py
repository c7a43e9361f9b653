"""The engine in this process, against scripted upstreams over real sockets."""

from __future__ import annotations

import gc
import json
from typing import Any

import pytest
import trio
from patience import PATIENCE_S

from continuum.chat import ChatRequest, ChatResponse, Fold, Message, Operation, TextDelta, Usage, UsageReported
from continuum.config import Config, from_mapping
from continuum.core import Call
from continuum.core.attempt import Attempt
from continuum.dialects import DIALECTS
from continuum.dialects.openai_chat import open_envelope
from continuum.errors import (
    AttemptsExhausted,
    ModelNotFound,
    NoBackendAvailable,
    RateLimited,
    StreamBroken,
    UpstreamRejected,
)
from continuum.runtime import Instance, open_instance
from continuum.testing.upstream import (
    FAULTS,
    WORDS,
    Completion,
    Pause,
    Plain,
    Stream,
    ToolCall,
    Wait,
    open_upstream,
)

TEXT = "".join(WORDS)
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "whole"}, "finish_reason": "stop"}
WHOLE = Plain(json.dumps({"id": "c", "model": "m", "choices": [CHOICE]}).encode())
"""What a server that knows no streams answers, streamed or not."""


def configuration(*urls: str, kind: str = "openai", **more: Any) -> Config:
    backends = [{"name": f"b{number}", "type": kind, "url": url, "models": ["m"]} for number, url in enumerate(urls)]
    return from_mapping({"backends": backends, **more})


def asked(model: str = "m") -> Call:
    return Call.of_chat(ChatRequest(model, [Message.of_text("user", "hi")]), request_id="test")


def whole(model: str = "m") -> Call:
    envelope = open_envelope(b'{"model": "%b", "messages": []}' % model.encode())
    return Call.of_body(Operation.CHAT, DIALECTS["openai_chat"], envelope, request_id="test")


async def answer_of(instance: Instance, call: Call) -> ChatResponse:
    folder = Fold()
    async with await instance.engine.open(call) as reply:
        async for frame in reply:
            for event in frame.events:
                folder.add(event)
    return folder.response


async def test_events_of_a_stream() -> None:
    async with open_upstream() as upstream, open_instance(configuration(upstream.url)) as instance:
        answer = await answer_of(instance, asked())
    assert answer.text == TEXT
    assert answer.usage is not None
    assert answer.choices[0].finish_reason == "stop"


async def test_tool_calls_arrive_whole() -> None:
    script = Completion(tool_calls=(ToolCall("look", '{"at": "it"}'),))
    async with open_upstream(script) as upstream, open_instance(configuration(upstream.url)) as instance:
        answer = await answer_of(instance, asked())
    (part,) = [part for part in answer.choices[0].parts if part.kind == "tool"]
    assert (part.kind, part.name, part.text) == ("tool", "look", '{"at": "it"}')


async def test_a_server_without_streams_still_streams_to_the_caller() -> None:
    async with open_upstream(WHOLE) as upstream, open_instance(configuration(upstream.url)) as instance:
        assert (await answer_of(instance, asked())).text == "whole"


@pytest.mark.parametrize("kind", ["openai", "llamacpp"])
async def test_a_server_without_streams_still_answers_whole(kind: str) -> None:
    async with (
        open_upstream(WHOLE) as upstream,
        open_instance(configuration(upstream.url, kind=kind)) as instance,
        await instance.engine.open(whole()) as reply,
    ):
        assert reply.body is not None
        assert DIALECTS["openai_chat"].read_response(reply.body).text == "whole"


async def test_vendor_fields_survive_folding() -> None:
    chunks: tuple[dict[str, Any], ...] = (
        {"delta": {"content": "one"}, "finish_reason": None},
        {"delta": {}, "finish_reason": "stop"},
    )
    events: list[dict[str, Any]] = [
        {"id": "c", "model": "x", "system_fingerprint": "fp", "choices": [{"index": 0, **c}]} for c in chunks
    ]
    events[-1]["timings"] = {"predicted_n": 1}
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    answer = Plain(body, headers=(("content-type", "text/event-stream"),))
    async with open_upstream(answer) as upstream:
        llamacpp = configuration(upstream.url, kind="llamacpp")
        async with open_instance(llamacpp) as instance, await instance.engine.open(whole()) as reply:
            assert reply.body is not None
            told = json.loads(reply.body)
    assert (told["system_fingerprint"], told["timings"]) == ("fp", {"predicted_n": 1})


async def test_an_error_body_of_any_size_keeps_its_status() -> None:
    body = json.dumps({"error": {"message": "too long", "echo": "x" * 200_000}}).encode()
    async with open_upstream(Plain(body, 422)) as upstream, open_instance(configuration(upstream.url)) as instance:
        with pytest.raises(UpstreamRejected) as caught:
            await instance.engine.open(whole())
    assert caught.value.http_status == 422


@pytest.mark.parametrize("wait", ["nan", "inf", "-1", "soon", "Fri, 31 Dec 99999 23:59:59 GMT", "1e400"])
async def test_a_nonsensical_retry_after_is_none(wait: str) -> None:
    answer = Plain(b"{}", 429, (("retry-after", wait),))
    async with open_upstream(answer) as upstream, open_instance(configuration(upstream.url)) as instance:
        with pytest.raises(RateLimited) as caught:
            await instance.engine.open(whole())
    assert not caught.value.retry_after


async def test_the_words_of_a_crashing_backend_are_its_own(caplog: pytest.LogCaptureFixture) -> None:
    words = "OperationalError: connection to server at db01.corp.internal port 5432 failed"
    body = json.dumps({"error": {"message": words}}).encode()
    async with open_upstream(Plain(body, 500)) as upstream, open_instance(configuration(upstream.url)) as instance:
        with pytest.raises(AttemptsExhausted) as caught:
            await instance.engine.open(whole())
    assert "db01" not in caught.value.message
    assert "db01" not in caplog.text


async def test_a_failed_attempt_keeps_no_memory_while_the_next_one_goes_on() -> None:
    """Its fault is remembered; the frames of the fault's traceback, and all the bytes in them, are not."""
    gate = trio.Event()
    gc.collect()  # what other tests left
    async with open_upstream() as upstream, open_instance(configuration(upstream.url)) as instance:
        upstream.push(FAULTS["endless-line"].answer, Completion(before=(Wait(gate),)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer_of, instance, asked())
            await upstream.next_call()
            await upstream.next_call()
            attempts = [each for each in gc.get_objects() if isinstance(each, Attempt)]
            gate.set()
    assert len(attempts) == 1


async def test_a_drip_of_bytes_is_life() -> None:
    event = b'data: {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]}\n\n'
    drip = tuple(step for at in range(0, len(event), 16) for step in (Pause(0.6), event[at : at + 16]))
    head = (b'data: {"id": "c", "choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n',)
    script = Stream((*head, *drip), role=False)
    times = {"request": {"streaming": {"chunk_interval": "3s"}}}
    async with (
        open_upstream(script) as upstream,
        open_instance(configuration(upstream.url, timeouts=times)) as instance,
    ):
        assert (await answer_of(instance, asked())).text.startswith("a")


async def test_llamacpp_is_always_streamed_and_answers_by_the_asked_name() -> None:
    async with open_upstream() as upstream:
        config = from_mapping(
            {
                "backends": [{"name": "desk", "type": "llamacpp", "url": upstream.url, "models": ["m"]}],
                "routing": {"aliases": {"nick": "m"}},
            }
        )
        async with open_instance(config) as instance, await instance.engine.open(whole("nick")) as reply:
            assert reply.body is not None
            answer = DIALECTS["openai_chat"].read_response(reply.body)
        call = await upstream.next_call()
    assert call.json["stream"] is True
    assert call.json["model"] == "m"
    assert (answer.model, answer.text) == ("nick", TEXT)


@pytest.mark.parametrize("model", ["m", "b1/m", "nick"])
async def test_models_resolve(model: str) -> None:
    async with open_upstream() as one, open_upstream() as two:
        config = configuration(one.url, two.url, routing={"aliases": {"nick": "b1/m"}})
        async with open_instance(config) as instance, await instance.engine.open(asked(model)) as reply:
            assert reply.backend == ("b0" if model == "m" else "b1")


async def test_an_unknown_model() -> None:
    async with open_upstream() as upstream, open_instance(configuration(upstream.url)) as instance:
        with pytest.raises(ModelNotFound, match="'nosuch'"):
            await instance.engine.open(asked("nosuch"))


async def test_no_backend_at_all() -> None:
    async with open_instance(configuration()) as instance:
        with pytest.raises(NoBackendAvailable, match=r"^No backends available$"):
            await instance.engine.open(asked())


async def test_models_that_are_not_configured_are_asked_for() -> None:
    async with open_upstream() as upstream:
        config = from_mapping({"backends": [{"name": "b", "type": "generic", "url": upstream.url}]})
        async with open_instance(config) as instance:
            model = instance.models()[0].id
            assert (await answer_of(instance, asked(model))).text == TEXT


async def test_another_backend_is_tried_once() -> None:
    async with (
        open_upstream(FAULTS["status-500"].answer) as bad,
        open_upstream() as good,
        open_instance(configuration(bad.url, good.url)) as instance,
        await instance.engine.open(asked()) as reply,
    ):
        assert (reply.backend, reply.attempts) == ("b1", 2)


async def test_so_many_failures_are_the_end() -> None:
    failing = FAULTS["status-500"].answer
    async with (
        open_upstream(failing) as one,
        open_upstream(failing) as two,
        open_upstream(failing) as three,
        open_instance(configuration(one.url, two.url, three.url, retry={"max_attempts": 2})) as instance,
    ):
        with pytest.raises(AttemptsExhausted) as caught:
            await instance.engine.open(asked())
        assert sum(len(upstream.calls) for upstream in (one, two, three)) == 2
    assert caught.value.details["attempts"] == 2


async def test_a_rejected_request_is_tried_once_and_told() -> None:
    async with open_upstream(FAULTS["status-422"].answer) as one, open_upstream() as two:
        async with open_instance(configuration(one.url, two.url)) as instance:
            with pytest.raises(UpstreamRejected) as caught:
                await instance.engine.open(asked())
        assert len(two.calls) == 0
    assert caught.value.http_status == 422


async def test_a_cut_stream_raises_after_what_came() -> None:
    seen: list[str] = []

    async def read(instance: Instance) -> None:
        async with await instance.engine.open(asked()) as reply:
            async for frame in reply:
                seen.extend(event.text for event in frame.events if isinstance(event, TextDelta))

    answer = FAULTS["cut-by-close"].answer
    async with open_upstream(answer) as upstream, open_instance(configuration(upstream.url)) as instance:
        with pytest.raises(StreamBroken):
            await read(instance)
    assert seen


async def test_cancelling_closes_the_upstream() -> None:
    gate = trio.Event()
    script = Stream(("one", Wait(gate), "two"))
    async with open_upstream(script) as upstream, open_instance(configuration(upstream.url)) as instance:
        with trio.CancelScope() as scope:
            async with await instance.engine.open(asked()) as reply:
                async for frame in reply:
                    if frame.has_content():
                        scope.cancel()
        call = await upstream.next_call()
        with trio.fail_after(PATIENCE_S):
            await call.aborted()
    assert scope.cancelled_caught


async def test_usage_is_seen_even_where_it_is_not_shown() -> None:
    envelope = open_envelope(b'{"model": "m", "messages": [], "stream": true}')
    call = Call.of_body(Operation.CHAT, DIALECTS["openai_chat"], envelope, request_id="test")
    async with open_upstream() as upstream, open_instance(configuration(upstream.url)) as instance:
        async with await instance.engine.open(call) as reply:
            events = [event async for frame in reply for event in frame.events]
        assert isinstance(reply.usage, Usage)
    assert not any(isinstance(event, UsageReported) for event in events)


async def test_a_full_backend_is_not_asked() -> None:
    gate = trio.Event()
    async with open_upstream(Stream(("one", Wait(gate), "two"))) as upstream:
        backend = {"name": "b", "url": upstream.url, "models": ["m"], "max_in_flight": 1}
        async with open_instance(from_mapping({"backends": [backend]})) as instance:
            async with await instance.engine.open(asked()):
                with pytest.raises(RateLimited, match="at its limit"):
                    await instance.engine.open(asked())
            gate.set()
            assert (await answer_of(instance, asked())).text == "onetwo"


async def test_what_breaks_in_the_caller_arrives_as_it_is() -> None:
    async with open_upstream() as upstream:
        with pytest.raises(ZeroDivisionError):
            async with open_instance(configuration(upstream.url)):
                _ = 1 / 0


@pytest.mark.parametrize("body", [b"{}", b"[]", b"<html>"])
async def test_a_whole_answer_that_is_none(body: bytes) -> None:
    async with open_upstream(Plain(body)) as upstream, open_instance(configuration(upstream.url)) as instance:
        with pytest.raises(AttemptsExhausted):
            await instance.engine.open(whole())
