"""Text completions, embeddings and single models, with openai-python as the client of the real process."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import openai
import pytest
import trio
from chat import TEXT, client_of, event_data
from openai.types import Completion
from patience import PATIENCE_S
from serving import CLIENT_KEY, Router, backend, config, open_router

from continuum.testing.upstream import (
    WORDS,
    Close,
    Embeddings,
    Hang,
    Plain,
    Reset,
    TextCompletion,
    Upstream,
    open_upstream,
)

COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"
MODEL = "test-model"
JSON = {"content-type": "application/json"}
VECTOR = [0.25, -1.5, 3.0]
NAMES = [MODEL, "org/name:tag", "a/b/c", "odd name%2Fwith ünicode"]


@asynccontextmanager
async def rig(home: Path, **more: Any) -> AsyncGenerator[tuple[Upstream, Router, openai.AsyncOpenAI]]:
    async with open_upstream() as upstream:
        entry = backend(upstream.url, models=NAMES, **more)
        configuration = config(entry, routing={"aliases": {"org/nick": MODEL}})
        async with open_router(home, configuration) as router, openai.DefaultAsyncHttpxClient(trust_env=False) as http:
            yield (
                upstream,
                router,
                openai.AsyncOpenAI(base_url=f"{router.url}/v1", api_key=CLIENT_KEY, max_retries=0, http_client=http),
            )
            assert "Traceback" not in router.stderr


async def test_a_text_completion(tmp_path: Path) -> None:
    async with rig(tmp_path) as (upstream, router, client):
        raw = await client.completions.with_raw_response.create(model=MODEL, prompt=[1, 2, 3], max_tokens=5)
        whole = raw.parse()
        await trio.to_thread.run_sync(router.wait_for_line, f"output_tokens={len(WORDS)}")
    assert (whole.choices[0].text, whole.choices[0].finish_reason) == (TEXT, "stop")
    assert raw.headers["x-continuum-backend"] == "alpha"
    (call,) = upstream.calls
    assert call.path == COMPLETIONS
    assert call.json == {"model": MODEL, "prompt": [1, 2, 3], "max_tokens": 5}


async def test_a_streamed_text_completion(tmp_path: Path) -> None:
    def converse(url: str) -> list[list[Completion]]:
        http = openai.DefaultHttpxClient(trust_env=False)
        with openai.OpenAI(base_url=f"{url}/v1", api_key=CLIENT_KEY, max_retries=0, http_client=http) as client:
            silent = client.completions.create(model=MODEL, prompt="x", stream=True)
            curious = client.completions.create(
                model=MODEL, prompt="x", stream=True, stream_options={"include_usage": True}
            )
            return [list(silent), list(curious)]

    async with rig(tmp_path) as (upstream, router, _):
        silent, curious = await trio.to_thread.run_sync(converse, router.url)
    for chunks in (silent, curious):
        assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == TEXT
        assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    assert all(chunk.usage is None for chunk in silent)
    usage = curious[-1].usage
    assert usage is not None
    assert usage.completion_tokens == len(WORDS)
    assert [call.wants_usage for call in upstream.calls] == [True, True]


async def test_a_completions_bytes_go_through(tmp_path: Path) -> None:
    body = b'{ "prompt":"caf\\u00e9", "vendor" : 1.50, "model":"test-model" }'
    answer = b'{"vendor":{"z":1.50},"choices":[{"text":"h\\u00e9"}]}\n'
    event = '{"choices": [ {"index":0,"text":"h\\u00e9","vendor":1.50} ]}'
    end = b'data: {"choices":[{"text":"","finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    async with rig(tmp_path) as (upstream, router, _), client_of(router.url) as http:
        upstream.push(Plain(answer), TextCompletion((), tail=(f"data: {event}\n\n".encode(), end, Close())))
        whole = await http.post(COMPLETIONS, content=body, headers=JSON)
        streamed = await http.post(COMPLETIONS, json={"model": MODEL, "prompt": "", "stream": True})
    assert upstream.calls[0].body == body
    assert whole.content == answer
    assert event_data(streamed.content)[0] == event
    assert event_data(streamed.content)[-1] == "[DONE]"


async def test_a_completion_is_replaced_before_its_first_text_and_told_after_it(tmp_path: Path) -> None:
    async with open_upstream(TextCompletion((), tail=(Reset(),))) as bad, open_upstream() as good:
        configuration = config(backend(bad.url, "bad"), backend(good.url, "good"))
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as http:
            body = {"model": MODEL, "prompt": "x", "stream": True}
            answers = [await http.post(COMPLETIONS, json=body) for _ in range(2)]
            for upstream in (bad, good):
                upstream.push(TextCompletion(("one", "two"), tail=(Reset(),)))
            broken = await http.post(COMPLETIONS, json=body)
    assert {answer.headers["x-continuum-backend"] for answer in answers} == {"good"}
    assert "2" in {answer.headers["x-continuum-attempts"] for answer in answers}
    *texts, last = [json.loads(data) for data in event_data(broken.content)]
    assert "".join(event["choices"][0]["text"] for event in texts) == "onetwo"
    assert last["error"]["code"] == "stream_interrupted"


async def test_a_server_that_is_always_streamed_gives_a_whole_completion(tmp_path: Path) -> None:
    """llama.cpp: streamed upstream, folded here, the asked name written back; embeddings are not streamed at all."""
    async with rig(tmp_path, type="llamacpp") as (upstream, _, client):
        upstream.push(TextCompletion(), Embeddings(model="/models/file.gguf"))
        whole = await client.completions.create(model="org/name:tag", prompt="x")
        embedded = await client.embeddings.create(model="org/name:tag", input="x", encoding_format="float")
    assert [call.streaming for call in upstream.calls] == [True, False]
    assert (whole.choices[0].text, whole.choices[0].finish_reason, whole.model) == (TEXT, "stop", "org/name:tag")
    assert whole.object == "text_completion"
    assert embedded.model == "org/name:tag"
    assert embedded.data[0].embedding == VECTOR


INPUTS: dict[str, tuple[Any, int]] = {
    "a text": ("x", 1),
    "texts": (["x", "y"], 2),
    "tokens": ([1, 2, 3], 1),
    "lists of tokens": ([[1, 2], [3]], 2),
}


@pytest.mark.parametrize("kind", INPUTS)
async def test_embeddings(tmp_path: Path, kind: str) -> None:
    """openai-python asks for base64 by itself and for floats when told; both arrive as the same numbers."""
    given, count = INPUTS[kind]
    async with rig(tmp_path) as (upstream, router, client):
        packed = await client.embeddings.create(model=MODEL, input=given)
        plain = await client.embeddings.create(model=MODEL, input=given, encoding_format="float")
        await trio.to_thread.run_sync(router.wait_for_line, f"input_tokens={count}")
    for answer in (packed, plain):
        assert [entry.embedding for entry in answer.data] == [VECTOR] * count
        assert answer.usage.prompt_tokens == count
    assert [call.json["input"] for call in upstream.calls] == [given, given]
    assert [call.json["encoding_format"] for call in upstream.calls] == ["base64", "float"]
    assert {call.path for call in upstream.calls} == {EMBEDDINGS}


async def test_an_embeddings_bytes_go_through(tmp_path: Path) -> None:
    body = b'{ "input":["caf\\u00e9"], "stream":true, "vendor" : 1.50, "model":"test-model" }'
    answer = b'{"vendor":1.50,"data":[{"embedding":[1e-3,-0.50]}],"model":"theirs"}\n'
    async with rig(tmp_path) as (upstream, router, _), client_of(router.url) as http:
        upstream.push(Plain(answer))
        received = await http.post(EMBEDDINGS, content=body, headers=JSON)
    assert upstream.calls[0].body == body
    assert received.content == answer


async def test_an_answer_that_holds_no_embeddings_is_a_failed_attempt(tmp_path: Path) -> None:
    async with rig(tmp_path) as (upstream, _, client):
        for answer in (Plain({"object": "list"}), Plain(b"<html>")):
            upstream.push(*[answer] * 3)
            with pytest.raises(openai.InternalServerError) as caught:
                await client.embeddings.create(model=MODEL, input="x")
            assert (caught.value.status_code, caught.value.code) == (502, "upstream_error")


async def test_a_client_that_leaves_takes_its_embeddings_along(tmp_path: Path) -> None:
    async with rig(tmp_path) as (upstream, router, _), client_of(router.url) as http:
        upstream.push(Stalled())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: http.post(EMBEDDINGS, json={"model": MODEL, "input": "x"}))
            call = await upstream.next_call()
            nursery.cancel_scope.cancel()
        with trio.fail_after(PATIENCE_S):
            await call.aborted()


class Stalled:
    """An answer that never comes."""

    def steps(self, request: object) -> list[Hang]:
        del request
        return [Hang()]


# path, body, the field at fault
FAULTY: list[tuple[str, dict[str, Any], str]] = [
    (COMPLETIONS, {"prompt": "x"}, "model"),
    (COMPLETIONS, {"model": MODEL, "prompt": 7}, "prompt"),
    (EMBEDDINGS, {"model": MODEL}, "input"),
    (EMBEDDINGS, {"model": MODEL, "input": 7}, "input"),
]


async def test_an_operation_that_no_backend_of_the_model_has_is_refused_by_name(tmp_path: Path) -> None:
    async with rig(tmp_path, type="anthropic") as (upstream, _, client):
        for call in (
            client.completions.create(model=MODEL, prompt="x"),
            client.embeddings.create(model=MODEL, input="x"),
        ):
            with pytest.raises(openai.BadRequestError) as caught:
                await call
            assert caught.value.code == "unsupported"
    assert upstream.calls == []


async def test_refusals(tmp_path: Path) -> None:
    async with rig(tmp_path) as (upstream, router, client), client_of(router.url) as http:
        for path, body, param in FAULTY:
            refused = await http.post(path, json=body)
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
        for path in (COMPLETIONS, EMBEDDINGS):
            wrong = await http.get(path)
            assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        with pytest.raises(openai.NotFoundError):
            await client.embeddings.create(model="unknown", input="x")
        upstream.push(Plain({"error": {"message": "Too long.", "code": "context"}}, 400))
        with pytest.raises(openai.BadRequestError, match="Too long"):
            await client.completions.create(model=MODEL, prompt="x")


@pytest.mark.parametrize("name", [*NAMES, "org/nick"])
async def test_one_model(tmp_path: Path, name: str) -> None:
    """As it is and with every byte that may be escaped; ids may hold slashes."""
    async with rig(tmp_path) as (_, router, client), client_of(router.url) as http:
        found = await client.models.retrieve(name)
        listed = {model.id: model async for model in client.models.list()}
        raw = await http.get(f"/v1/models/{quote(name, safe='/')}")
    assert found == listed[name]
    assert raw.json() == json.loads(found.model_dump_json(exclude_unset=True))


@pytest.mark.parametrize("name", ["unknown", f"{MODEL}/", "alpha/unknown", "%2e%2e/health", f"{MODEL}%00"])
async def test_no_such_model(tmp_path: Path, name: str) -> None:
    async with rig(tmp_path) as (_, router, _client), client_of(router.url) as http:
        answer = await http.get(f"/v1/models/{name}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


async def test_ready_needs_a_backend_that_serves_something(tmp_path: Path) -> None:
    async with open_router(tmp_path, config()) as router, client_of(router.url) as http:
        assert await _state(http) == (503, {"status": "no_backend"})
        assert (await http.get("/healthz")).json() == (await http.get("/health")).json()
        assert (await http.head("/ready")).status_code == 503
    async with rig(tmp_path) as (_, router, _client), client_of(router.url) as http:
        assert await _state(http) == (200, {"status": "ready"})


async def _state(http: httpx.AsyncClient) -> tuple[int, dict[str, str]]:
    answer = await http.get("/ready")
    body: dict[str, str] = answer.json()
    return answer.status_code, body
