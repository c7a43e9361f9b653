"""openai-python as a client of the real process: what its users see, plain, streamed and in error."""

import json
from collections.abc import Generator
from pathlib import Path

import openai
import pytest
import trio
from chat import MODEL, TEXT
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionMessageFunctionToolCallParam,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)
from serving import CLIENT_KEY, Router, backend, config, open_router

from continuum.testing.upstream import WORDS, Completion, ToolCall, open_upstream

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


@pytest.fixture
def client(router: Router) -> Generator[openai.OpenAI]:
    http = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(base_url=f"{router.url}/v1", api_key=CLIENT_KEY, max_retries=0, http_client=http) as client:
        yield client


def test_plain(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=HELLO)
    assert completion.choices[0].message.content == TEXT
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == len(WORDS)


def test_stream(client: openai.OpenAI) -> None:
    with client.chat.completions.create(model=MODEL, messages=HELLO, stream=True) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks), "usage nobody asked for stays here"


def test_stream_with_usage(client: openai.OpenAI) -> None:
    with client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
    ) as stream:
        *chunks, last = stream
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == len(WORDS)


def test_models(client: openai.OpenAI) -> None:
    assert MODEL in {model.id for model in client.models.list()}


def test_request_id_and_raw_headers(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)
    assert raw.headers["x-continuum-backend"] == "good"
    assert raw.request_id == raw.headers["x-request-id"]


# model, class, status, code
ERRORS = {
    "unknown model": ("nobody-serves-this", openai.NotFoundError, 404, "model_not_found"),
    "no model": ("", openai.BadRequestError, 400, None),
    "400 from upstream": ("alone/status-400", openai.BadRequestError, 400, None),
    "422 from upstream": ("alone/status-422", openai.UnprocessableEntityError, 422, None),
    "500 everywhere": ("alone/status-500", openai.InternalServerError, 502, "upstream_error"),
    "401 everywhere": ("alone/status-401", openai.InternalServerError, 502, "upstream_auth"),
    "429 everywhere": ("alone/status-429", openai.RateLimitError, 429, "rate_limit_exceeded"),
    "nobody listens": ("alone/refuse", openai.InternalServerError, 502, "upstream_error"),
    "nobody answers": ("alone/silent", openai.InternalServerError, 504, "upstream_timeout"),
}


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.parametrize("mode", ["plain", "stream"])
def test_error_classes(client: openai.OpenAI, case: str, mode: str) -> None:
    model, kind, status, code = ERRORS[case]
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=model, messages=HELLO, stream=mode == "stream")
    error = caught.value
    assert (type(error), error.status_code) == (kind, status)
    assert error.code == code or code is None
    assert error.request_id


def test_throttled_says_when_to_come_back(client: openai.OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="alone/status-429", messages=HELLO)
    assert caught.value.response.headers["retry-after"] in set("1234567")


def test_a_broken_stream_raises_after_its_content(client: openai.OpenAI) -> None:
    received = ""
    with pytest.raises(openai.APIError) as caught:  # noqa: PT012 - the content before it matters
        for chunk in client.chat.completions.create(model="alone/cut-by-reset", messages=HELLO, stream=True):
            received += chunk.choices[0].delta.content or ""
    assert received == "".join(WORDS[:2])
    assert caught.value.code == "stream_interrupted"


TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.mark.parametrize("mode", ["plain", "stream"])
async def test_tools_round_trip(tmp_path: Path, mode: str) -> None:
    """A tool is called twice at once, the results go back, and the upstream sees all of it as sent."""
    cities = (ToolCall("weather", '{"city":"Oslo"}', "call_1"), ToolCall("weather", '{"city":"Bergen"}', "call_2"))

    def converse(url: str) -> list[ChatCompletionMessageParam]:
        http = openai.DefaultHttpxClient(trust_env=False)
        with openai.OpenAI(base_url=f"{url}/v1", api_key=CLIENT_KEY, max_retries=0, http_client=http) as client:
            completion: ChatCompletion
            if mode == "stream":
                with client.chat.completions.stream(model=MODEL, messages=HELLO, tools=[TOOL]) as stream:
                    completion = stream.get_final_completion()
            else:
                completion = client.chat.completions.create(model=MODEL, messages=HELLO, tools=[TOOL])
            turn = [*HELLO, *_results(completion)]
            answer = client.chat.completions.create(model=MODEL, messages=turn, tools=[TOOL])
        assert completion.choices[0].finish_reason == "tool_calls"
        assert answer.choices[0].message.content == TEXT
        return turn

    async with open_upstream() as upstream, open_router(tmp_path, config(backend(upstream.url))) as router:
        upstream.push(Completion(tool_calls=cities))
        turn = await trio.to_thread.run_sync(converse, router.url)
    first, second = upstream.calls
    assert first.json["tools"] == [TOOL]
    assert second.json["messages"] == turn


async def test_the_asynchronous_client(router: Router) -> None:
    async with (
        openai.DefaultAsyncHttpxClient(trust_env=False) as http,
        openai.AsyncOpenAI(base_url=f"{router.url}/v1", api_key=CLIENT_KEY, max_retries=0, http_client=http) as client,
    ):
        completion = await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert completion.choices[0].message.content == TEXT


def _results(completion: ChatCompletion) -> list[ChatCompletionMessageParam]:
    """The next messages: the calls as they came, and a result for each."""
    calls: list[ChatCompletionMessageFunctionToolCallParam] = []
    results: list[ChatCompletionMessageParam] = []
    for call in completion.choices[0].message.tool_calls or ():
        assert call.type == "function"
        function = call.function
        calls.append(
            {"id": call.id, "type": "function", "function": {"name": function.name, "arguments": function.arguments}}
        )
        results.append({"role": "tool", "tool_call_id": call.id, "content": "rain"})
    assert [json.loads(call["function"]["arguments"])["city"] for call in calls] == ["Oslo", "Bergen"]
    return [{"role": "assistant", "tool_calls": calls}, *results]
