"""Calls without HTTP: what goes in, what comes out, and that whoever stops listening frees the upstream."""

import random
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import trio
from chat import MODEL, TEXT, asked
from child import Child
from embedded import ENDINGS, configured, open_router, settled

from continuum import ChatRequest, Config, ContinuumError, ContinuumRouter, Message
from continuum.chat import Finished, Started, TextDelta, UsageReported
from continuum.errors import AttemptsExhausted, InvalidRequest, ModelNotFound, NoBackendAvailable, StreamBroken
from continuum.testing.upstream import FAULTS, WORDS, Completion, Hang, Raw, Stream, ToolCall, open_upstream

QUESTION = ChatRequest(MODEL, [Message.of_text("user", "hello")], max_tokens=9)


@pytest.mark.parametrize("form", ["request", "mapping"])
async def test_chat(form: str) -> None:
    request: ChatRequest | Mapping[str, Any] = QUESTION if form == "request" else asked(max_tokens=9, unknown=[1])
    async with open_upstream() as upstream, open_router(configured(upstream.url)) as router:
        answer = await router.chat(request)
        sent = upstream.calls[0].json
    assert answer.text == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.output_tokens == len(WORDS)
    assert not sent.get("stream")
    assert sent["messages"] == [{"role": "user", "content": "hello"}]
    if form == "mapping":
        assert (sent["max_tokens"], sent["unknown"]) == (9, [1]), "what we do not know goes through"


async def test_a_mapping_that_asks_for_a_stream_gets_what_the_method_gives() -> None:
    async with open_upstream() as upstream, open_router(configured(upstream.url)) as router:
        assert (await router.chat(asked(stream=True, usage=True))).text == TEXT
        async with router.stream(asked()) as stream:
            assert "".join([event.text async for event in stream if isinstance(event, TextDelta)]) == TEXT
        assert [bool(call.json.get("stream")) for call in upstream.calls] == [False, True]


@pytest.mark.parametrize("form", ["request", "mapping"])
async def test_stream(form: str) -> None:
    request: ChatRequest | Mapping[str, Any] = QUESTION if form == "request" else asked()
    async with (
        open_upstream() as upstream,
        open_router(configured(upstream.url)) as router,
        router.stream(request) as stream,
    ):
        events = [event async for event in stream]
        assert [event async for event in stream] == [], "over is over"
    assert isinstance(events[0], Started)
    assert [event.text for event in events if isinstance(event, TextDelta)] == list(WORDS)
    assert [event.reason for event in events if isinstance(event, Finished)] == ["stop"]
    assert [event.usage.output_tokens for event in events if isinstance(event, UsageReported)] == [len(WORDS)]


async def test_tools() -> None:
    weather = ToolCall("weather", '{"city":"Oslo"}', "call_1")
    async with (
        open_upstream(Completion(tool_calls=(weather,))) as upstream,
        open_router(configured(upstream.url)) as router,
    ):
        (part,) = (await router.chat(asked())).choices[0].parts
    assert (part.kind, part.name, part.text, part.id) == ("tool", "weather", '{"city":"Oslo"}', "call_1")


async def test_without_a_model_the_default_one_answers() -> None:
    async with open_upstream() as upstream:
        config = configured(upstream.url, routing={"default_model": MODEL})
        async with open_router(config) as router:
            assert (await router.chat(ChatRequest("", QUESTION.messages))).text == TEXT
            assert (await router.chat({"messages": []})).text == TEXT
        async with open_router(configured(upstream.url)) as router:
            requests: tuple[ChatRequest | Mapping[str, Any], ...] = (ChatRequest("", []), {"messages": []})
            for request in requests:
                with pytest.raises(InvalidRequest, match="'model' is required"):
                    await router.chat(request)


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        ({"model": MODEL}, InvalidRequest),
        ({"model": 7, "messages": []}, InvalidRequest),
        ({"model": MODEL, "messages": [], "x": object()}, InvalidRequest),
        ({"model": MODEL, "messages": [], "x": {1, "two"}}, None),
        ({"model": MODEL, "messages": [], "x": "\ud800"}, InvalidRequest),
        ([("model", MODEL)], InvalidRequest),
        ("hello", InvalidRequest),
        (ChatRequest(cast("str", 7), []), InvalidRequest),
        (ChatRequest(MODEL, cast("list[Message]", [{"role": "user", "content": "hello"}])), InvalidRequest),
        ({"model": "nobody-serves-this", "messages": []}, ModelNotFound),
    ],
)
async def test_what_is_wrong_is_told_in_our_words(request_: Any, kind: type[ContinuumError] | None) -> None:
    async with open_upstream() as upstream, open_router(configured(upstream.url)) as router:
        if kind is None:
            assert (await router.chat(request_)).text == TEXT
            return
        with pytest.raises(kind):
            await router.chat(request_)
        with pytest.raises(kind):
            async with router.stream(request_):
                pass


async def test_faults_of_backends() -> None:
    config = Config()
    async with open_router(config) as router:
        with pytest.raises(NoBackendAvailable):
            await router.chat(asked())
    async with open_upstream() as upstream:
        once = configured(upstream.url, retry={"max_attempts": 1}, circuit_breaker={"enabled": False})
        async with open_router(once) as router:
            upstream.push(FAULTS["status-500"].answer, FAULTS["status-500"].answer, FAULTS["cut-by-reset"].answer)
            with pytest.raises(AttemptsExhausted):
                await router.chat(asked())
            with pytest.raises(AttemptsExhausted):
                async with router.stream(asked()):
                    pass
            said = ""
            with pytest.raises(StreamBroken):  # noqa: PT012 - what came before it matters
                async for event in router.stream(asked()):
                    said += event.text if isinstance(event, TextDelta) else ""
            assert said == "".join(WORDS[:2])
            assert (await router.chat(asked())).text == TEXT
        off = from_backend_switched_off(once)
        async with open_router(off) as router:
            with pytest.raises((NoBackendAvailable, ModelNotFound)):
                await router.chat(asked())


def from_backend_switched_off(config: Config) -> Config:
    other = config.model_copy(deep=True)
    other.backends[0].enabled = False
    return other


async def test_closing_early_closes_the_upstream() -> None:
    async with open_upstream(Stream(("one", Hang()))) as upstream, open_router(configured(upstream.url)) as router:
        async with router.stream(asked()) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        await (await upstream.next_call()).aborted()
        stream = router.stream(asked())
        await anext(stream)
        await stream.aclose()
        await stream.aclose()
        await (await upstream.next_call()).aborted()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


@pytest.mark.parametrize("phase", ["chat", "before the first word", "within"])
async def test_cancelling_closes_the_upstream(phase: str) -> None:
    answer = Stream(("one", Hang())) if phase == "within" else Raw((Hang(),))
    async with open_upstream(answer) as upstream, open_router(configured(upstream.url)) as router:

        async def listen() -> None:
            if phase == "chat":
                await router.chat(asked())
            async for _ in router.stream(asked()):
                pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            call = await upstream.next_call()
            nursery.cancel_scope.cancel()
        await call.aborted()


async def test_calls_that_are_cancelled_at_any_time_leave_nothing_behind() -> None:
    rolled = random.Random(7)  # noqa: S311 - guards nothing

    async def leave(router: ContinuumRouter) -> None:
        with trio.move_on_after(rolled.choice([0.002, 0.01, 0.05])), suppress(ContinuumError):
            if rolled.random() < 0.3:
                await router.chat(asked())
            async for _ in router.stream(asked()):
                pass

    async with (
        open_upstream(lambda _: rolled.choice(ENDINGS)) as upstream,
        open_router(configured(upstream.url)) as router,
    ):
        for _ in range(3):
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(leave, router)
        transport = httpx.ASGITransport(router.asgi())
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await settled(client)


WITHOUT_HTTP = """
import sys, trio
from continuum import Config, ContinuumRouter

async def main():
    async with await ContinuumRouter.from_config(Config()).build():
        print(sorted({"quart", "hypercorn", "continuum.http"} & set(sys.modules)))

trio.run(main)
"""


def test_calls_in_process_load_no_http_server(tmp_path: Path) -> None:
    with Child(["-c", WITHOUT_HTTP], home=tmp_path) as child:
        assert child.wait(30) == 0
    assert child.stdout == "[]"


async def test_many_at_once() -> None:
    async with open_upstream() as upstream, open_router(configured(upstream.url)) as router:
        texts: list[str] = []

        async def ask() -> None:
            texts.append((await router.chat(asked())).text)

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(ask)
    assert texts == [TEXT] * 50
