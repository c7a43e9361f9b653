"""The scripted upstream: what it answers, what it records, and that its faults are what their rows say."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from patience import PATIENCE_S

from continuum.testing.upstream import (
    FAULTS,
    WORDS,
    Completion,
    Plain,
    Promise,
    Stream,
    ToolCall,
    Upstream,
    Wait,
    open_upstream,
)

CHAT = "/v1/chat/completions"
TEXT = "".join(WORDS)


@asynccontextmanager
async def client_of(upstream: Upstream) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=upstream.url, trust_env=False, timeout=PATIENCE_S) as client:
        yield client


def asked(*, stream: bool = False, model: str = "test-model", usage: bool = False) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    if stream:
        body["stream"] = True
    if usage:
        body["stream_options"] = {"include_usage": True}
    return body


def events(body: str) -> list[Any]:
    data = [line.removeprefix("data: ") for line in body.split("\n") if line]
    return [json.loads(line) if line != "[DONE]" else line for line in data]


async def test_answers_plain() -> None:
    async with open_upstream() as upstream, client_of(upstream) as client:
        response = await client.post(CHAT, json=asked(), headers={"authorization": "Bearer k"})
    body = response.json()
    assert body["choices"][0]["message"]["content"] == TEXT
    assert body["usage"]["completion_tokens"] == len(WORDS)
    (call,) = upstream.calls
    assert (call.method, call.path, call.model, call.streaming) == ("POST", CHAT, "test-model", False)
    assert call.header("Authorization") == "Bearer k"
    assert call.json["messages"][0]["content"] == "hi"


async def test_streams_with_usage_and_done() -> None:
    async with open_upstream() as upstream, client_of(upstream) as client:
        found = events((await client.post(CHAT, json=asked(stream=True, usage=True))).text)
    *chunks, finish, usage, done = found
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == TEXT
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] == usage["usage"]["prompt_tokens"] + len(WORDS)
    assert done == "[DONE]"


@pytest.mark.parametrize("stream", [False, True])
async def test_calls_tools_when_told(stream: bool) -> None:  # noqa: FBT001 - pytest's parameter
    call = ToolCall("weather", '{"city":"Oslo"}')
    async with open_upstream(Completion(tool_calls=(call,))) as upstream, client_of(upstream) as client:
        text = (await client.post(CHAT, json=asked(stream=stream))).text
    if stream:
        deltas = [event["choices"][0]["delta"] for event in events(text)[:-1]]
        calls = [delta["tool_calls"][0]["function"] for delta in deltas if "tool_calls" in delta]
        assert calls[0]["name"] == "weather"
        assert "".join(piece["arguments"] for piece in calls) == call.arguments
    else:
        choice = json.loads(text)["choices"][0]
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"]["tool_calls"][0]["function"]["arguments"] == call.arguments


async def test_lists_models_and_health() -> None:
    async with open_upstream(models=["a", "b"]) as upstream, client_of(upstream) as client:
        listed = (await client.get("/v1/models")).json()
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/elsewhere")).status_code == 404
    assert [model["id"] for model in listed["data"]] == ["a", "b"]
    assert upstream.calls == []
    assert len(upstream.requests) == 3


async def test_pushed_answers_come_before_the_script() -> None:
    async with open_upstream(Plain({"from": "script"})) as upstream, client_of(upstream) as client:
        upstream.push(Plain({"from": "push"}, 418, (("x-extra", "1"),)))
        pushed = await client.post(CHAT, json=asked())
        scripted = await client.post(CHAT, json=asked())
    assert (pushed.status_code, pushed.headers["x-extra"], pushed.json()) == (418, "1", {"from": "push"})
    assert scripted.json() == {"from": "script"}
    assert [call.ordinal for call in upstream.calls] == [1, 2]


async def test_a_gate_holds_the_stream() -> None:
    gate = trio.Event()
    async with (
        open_upstream(Stream(("one", Wait(gate), "two"))) as upstream,
        client_of(upstream) as client,
        client.stream("POST", CHAT, json=asked(stream=True)) as response,
    ):
        lines = response.aiter_lines()
        async for line in lines:
            if "one" in line:
                break
        call = await upstream.next_call()
        assert not call.answered.is_set()
        gate.set()
        rest = [line async for line in lines]
        with trio.fail_after(PATIENCE_S):
            await call.answered.wait()
    assert any("two" in line for line in rest)


@pytest.mark.parametrize("when", ["before the head", "mid-stream"])
async def test_records_that_the_caller_left(when: str) -> None:
    gate = trio.Event()
    answer = Stream(before=(Wait(gate),)) if when == "before the head" else Stream(("one", Wait(gate)))
    async with open_upstream(answer) as upstream, client_of(upstream) as client, trio.open_nursery() as nursery:
        nursery.start_soon(lambda: client.post(CHAT, json=asked(stream=True)))
        call = await upstream.next_call()
        left_at = trio.current_time()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True), trio.fail_after(PATIENCE_S):
            assert left_at <= await call.aborted() <= trio.current_time()
    assert upstream.open_connections == 0


async def test_a_finished_call_is_not_an_aborted_one() -> None:
    async with open_upstream() as upstream:
        async with client_of(upstream) as client:
            await client.post(CHAT, json=asked())
        (connection,) = upstream.connections
        with trio.fail_after(PATIENCE_S):
            await connection.closed.wait()
        assert upstream.calls[0].answered.is_set()
        assert upstream.calls[0].aborted_at > trio.current_time()


async def test_goes_down_and_comes_back() -> None:
    async with open_upstream() as upstream, client_of(upstream) as client, trio.open_nursery() as nursery:
        assert (await client.post(CHAT, json=asked())).status_code == 200
        await upstream.go_down()
        with pytest.raises(httpx.TransportError):
            await client.post(CHAT, json=asked())
        await upstream.serve(nursery)
        assert (await client.post(CHAT, json=asked())).status_code == 200
        nursery.cancel_scope.cancel()


async def test_an_exception_of_the_block_comes_out_bare() -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_upstream():
            raise ZeroDivisionError


async def test_reads_chunked_bodies_and_pipelined_requests() -> None:
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        b'9\r\n{"model":\r\n5\r\n"mm"}\r\n0\r\n\r\n'
    )
    async with open_upstream() as upstream:
        stream = await trio.open_tcp_stream("127.0.0.1", upstream.port)
        async with stream:
            await stream.send_all(request + request)
            with trio.fail_after(PATIENCE_S):
                first, second = await upstream.next_call(), await upstream.next_call()
    assert first.model == second.model == "mm"
    assert (first.ordinal, second.ordinal) == (1, 2)


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_fault_is_one_to_a_plain_client(name: str, stream: bool) -> None:  # noqa: FBT001 - pytest's parameter
    """Seen by httpx without any help: a failing row is no whole answer, an odd one is, the others are as ever."""
    fault = FAULTS[name]
    opened = open_upstream(fault.answer, listens=fault.listens, deaf=fault.deaf)
    async with opened as upstream, client_of(upstream) as client:
        if fault.silent and (fault.stream if stream else fault.plain):
            with trio.move_on_after(0.2) as patience:
                await client.post(CHAT, json=asked(stream=stream))
            assert patience.cancelled_caught
            return
        whole = await _is_whole(client, stream=stream)
    differs = fault.stream if stream else fault.plain
    assert whole is (not differs or fault.promise is Promise.WHOLE)


async def _is_whole(client: httpx.AsyncClient, *, stream: bool) -> bool:
    received = b""
    try:
        async with client.stream("POST", CHAT, json=asked(stream=stream)) as response:
            if response.status_code != 200:
                return False
            async for data in response.aiter_bytes():
                received += data
    except httpx.TransportError:
        if not received.rstrip().endswith(b"[DONE]"):
            return False
    text = received.decode("utf-8-sig")
    if not stream:
        try:
            return bool(json.loads(text)["choices"][0]["message"]["content"] == TEXT)
        except ValueError:
            return False
    return '"stop"' in text.replace(": ", ":") and '"error"' not in text and '"content"\n\n' not in text


async def test_a_model_may_name_its_fault() -> None:
    async with open_upstream() as upstream, client_of(upstream) as client:
        response = await client.post(CHAT, json=asked(model="fault/status-429"))
        compressed = await client.post(CHAT, json=asked(model="fault/gzip"), headers={"accept-encoding": "identity"})
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert compressed.headers["content-encoding"] == "gzip"
    assert TEXT in compressed.text


def test_the_command_serves_until_sigterm() -> None:
    command = [sys.executable, "-m", "continuum.testing.upstream", "--port", "0", "--fault", "status-503"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        assert httpx.post(url + CHAT, json=asked(), trust_env=False).status_code == 503
        assert httpx.get(url + "/v1/models", trust_env=False).status_code == 200
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0


@pytest.mark.parametrize(("name", "fault"), [("refuse", httpx.ConnectError), ("blackhole", httpx.ConnectTimeout)])
def test_the_command_is_not_to_be_connected_to(name: str, fault: type[Exception]) -> None:
    command = [sys.executable, "-m", "continuum.testing.upstream", "--fault", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        with pytest.raises(fault):
            httpx.post(child.stdout.readline().strip() + CHAT, json=asked(), trust_env=False, timeout=1)
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0


def test_the_command_fails_probes_alone() -> None:
    command = [sys.executable, "-m", "continuum.testing.upstream", "--looks", "status-503"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        assert httpx.get(url + "/v1/models", trust_env=False).status_code == 503
        assert httpx.post(url + CHAT, json=asked(), trust_env=False).status_code == 200
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0


def test_the_command_lists_its_faults() -> None:
    command = [sys.executable, "-m", "continuum.testing.upstream", "--list"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [line.split()[0] for line in printed.splitlines()] == list(FAULTS)


def test_every_kind_of_fault_in_the_documentation_has_its_rows() -> None:
    """docs/reliability.md against the table: each of its kinds, by the rows that are it."""
    text = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text(encoding="utf-8")
    kinds = {
        "refuses, is unreachable": {"refuse", "blackhole"},
        "silent before the head": {"silent", "drip-head", "head-then-silence", "role-then-silence"},
        "speaks no HTTP": {"garbage-before-head", "half-head", "redirect"},
        "resets, closes": {"reset-before-head", "close-before-head", "head-then-reset", "head-then-close"}
        | {"role-then-reset", "role-then-close", "role-then-end", "empty-stream", "done-first"},
        "broken JSON": {"broken-json", "broken-event-first", "html", "empty"},
        "short body, two lengths": {"short-body", "two-lengths"},
        "over 8 MiB": {"endless-line"},
        "32 MiB": {"bomb"},
        "500, 502, 503, 504, 529, or an error event": {f"status-{status}" for status in (500, 502, 503, 504, 529)}
        | {"error-event-first"},
        "answers 429": {"status-429"},
        "401, 402 or 403": {"status-401", "status-403"},
        "400, 404, 413, 422": {f"status-{status}" for status in (400, 404, 413, 422)},
        "kept connection": {"stale-keep-alive"},
        "frames its stream oddly": {name for name, fault in FAULTS.items() if fault.promise is Promise.WHOLE}
        - {"stale-keep-alive"},
        "stream_interrupted": {name for name, fault in FAULTS.items() if fault.promise is Promise.INTERRUPTED},
    }
    assert [words for words in kinds if words not in text] == []
    assert set().union(*kinds.values()) == set(FAULTS)


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "continuum.testing.upstream", "--port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"continuum.testing.upstream: port {port}: Address already in use\n"
