"""OpenAI's stream: read(write(events)) says the same, and real servers' streams are understood."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.chat import (
    ChatResponse,
    Choice,
    Event,
    Failed,
    Finished,
    Opaque,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    ResponsePart,
    Started,
    TextDelta,
    ToolArgsDelta,
    Usage,
    UsageReported,
    fold,
    unfold,
)
from continuum.dialects.openai_chat import StreamReader, StreamWriter, read_response, write_response
from continuum.errors import UpstreamProtocolError

_words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
_counts = st.integers(0, 10**6)
_usage = st.builds(Usage, _counts, _counts, _counts, _counts)
_spoken = st.lists(st.sampled_from(["reasoning", "text", "refusal"]), unique=True, max_size=2).map(
    lambda kinds: sorted(kinds, key=["reasoning", "text", "refusal"].index)
)


@st.composite
def _choices(draw: st.DrawFn) -> Choice:
    parts = [ResponsePart(kind, draw(_words)) for kind in draw(_spoken)]  # type: ignore[arg-type]
    arguments = draw(st.lists(st.one_of(st.just(""), _words), max_size=3))
    parts += [ResponsePart("tool", text, f"call_{number}", draw(_words)) for number, text in enumerate(arguments)]
    return Choice(parts, draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"])))


_responses = st.builds(
    ChatResponse,
    id=_words,
    model=_words,
    created=st.integers(0, 2**40),
    choices=st.lists(_choices(), min_size=1, max_size=3),
    usage=st.one_of(st.none(), _usage),
)


def read(payloads: list[bytes]) -> list[Event]:
    reader = StreamReader()
    return [event for payload in payloads for event in reader.read(payload)]


def write(events: list[Event]) -> list[bytes]:
    writer = StreamWriter()
    return [payload for event in events if (payload := writer.write(event)) is not None]


@given(_responses)
def test_a_stream_read_back_says_the_same(response: ChatResponse) -> None:
    events = read(write(list(unfold(response))))
    assert fold(events) == response
    assert read(write(events)) == events


@given(_responses)
def test_a_whole_answer_read_back_is_the_same(response: ChatResponse) -> None:
    assert read_response(write_response(response)) == response


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
    return json.dumps({"id": "c1", "model": "m", "created": 5, "choices": [choice]}).encode()


def test_text_with_usage() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}
    payloads = [
        chunk({"role": "assistant", "content": None}),  # llama.cpp sends null here
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, "stop"),
        json.dumps({"id": "c1", "choices": [], "usage": usage}).encode(),
    ]
    assert read(payloads) == [
        Started("c1", "m", 5),
        PartStarted(0, "text"),
        TextDelta("Hel", 0),
        TextDelta("lo", 0),
        PartEnded(0),
        Finished("stop"),
        UsageReported(Usage(3, 2, 1, 0)),
    ]


def test_reasoning_then_text_then_two_interleaved_tools() -> None:
    def call(index: int, **function: str) -> dict[str, Any]:
        head = {"id": f"call_{index}", "type": "function"} if "name" in function else {}
        return {"tool_calls": [{"index": index, **head, "function": function}]}

    payloads = [
        chunk({"reasoning_content": "hm"}),
        chunk({"content": "so"}),
        chunk(call(0, name="a", arguments="{")),
        chunk(call(1, name="b", arguments="")),
        chunk(call(0, arguments="}")),
        chunk(call(1, arguments="{}")),
        chunk({}, "tool_calls"),
    ]
    assert read(payloads)[1:] == [
        PartStarted(0, "reasoning"),
        ReasoningDelta("hm", 0),
        PartEnded(0),
        PartStarted(1, "text"),
        TextDelta("so", 1),
        PartEnded(1),
        PartStarted(2, "tool", "call_0", "a"),
        ToolArgsDelta("{", 2),
        PartStarted(3, "tool", "call_1", "b"),
        ToolArgsDelta("}", 2),
        ToolArgsDelta("{}", 3),
        PartEnded(2),
        PartEnded(3),
        Finished("tool_calls"),
    ]


def test_log_probabilities_survive_folding() -> None:
    def token(text: str) -> dict[str, Any]:
        return {"content": [{"token": text, "logprob": -0.1}]}

    payloads = [chunk({"content": "a"}, logprobs=token("a")), chunk({"content": "b"}, logprobs=token("b"))]
    whole = json.loads(write_response(fold(read([*payloads, chunk({}, "stop")]))))
    assert [entry["token"] for entry in whole["choices"][0]["logprobs"]["content"]] == ["a", "b"]


def test_a_shape_nobody_knows_is_carried_whole() -> None:
    odd = {"id": "c1", "choices": [{"index": 0, "delta": {"content": 7}}]}
    [event] = read([json.dumps(odd).encode()])
    assert isinstance(event, Opaque)
    assert json.loads(write([event])[0]) == odd


def test_two_calls_under_one_index_stay_two() -> None:
    def call(ident: str, arguments: str) -> bytes:
        function = {"name": "f", "arguments": arguments}
        return chunk({"tool_calls": [{"index": 0, "id": ident, "type": "function", "function": function}]})

    folded = fold(read([call("a", '{"x":1}'), call("b", "{}"), chunk({}, "tool_calls")]))
    assert [(part.id, part.text) for part in folded.choices[0].parts] == [("a", '{"x":1}'), ("b", "{}")]


@pytest.mark.parametrize("delta", [{"function_call": {"name": "f"}}, {"audio": {"data": "AA=="}}])
def test_content_of_an_unknown_kind_counts_and_is_carried(delta: dict[str, Any]) -> None:
    events = read([chunk({"role": "assistant", **delta})])
    assert events[1:] == [Opaque("openai_chat", {"delta": delta})]
    assert json.loads(write(events)[-1])["choices"][0]["delta"] == delta


def test_an_error_inside_the_stream_is_redacted() -> None:
    payload = {"error": {"message": "no luck with sk-abcdef123456 at http://10.0.0.7:9/x", "type": "server_error"}}
    [event] = read([json.dumps(payload).encode()])
    assert isinstance(event, Failed)
    assert event.error.message == "no luck with [redacted] at [redacted]"


@pytest.mark.parametrize("payload", [b"", b"{", b"nope", b"[1]", b"7", b'{"choices": NaN}', b"\xff", b"[" * 5000])
def test_what_is_no_chunk_is_a_protocol_error(payload: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        StreamReader().read(payload)


def test_finished_only_when_every_choice_is() -> None:
    reader = StreamReader()
    both = [{"index": i, "delta": {"content": "x"}, "finish_reason": None} for i in (0, 1)]
    reader.read(json.dumps({"choices": both}).encode())
    assert not reader.finished
    for number in (0, 1):
        reader.read(json.dumps({"choices": [{"index": number, "delta": {}, "finish_reason": "stop"}]}).encode())
        assert reader.finished is (number == 1)
