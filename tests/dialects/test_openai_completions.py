"""Text completions and embeddings: read(write(events)) says the same, and real servers' answers are understood."""

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
    ResponsePart,
    Started,
    TextDelta,
    Usage,
    UsageReported,
    fold,
    unfold,
)
from continuum.dialects import DIALECTS
from continuum.errors import InvalidRequest, Unsupported, UpstreamFailed, UpstreamProtocolError

COMPLETIONS = DIALECTS["openai_completions"]
EMBEDDINGS = DIALECTS["openai_embeddings"]

_words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
_counts = st.integers(0, 10**6)
_usage = st.builds(Usage, _counts, _counts, _counts, _counts)


@st.composite
def _choices(draw: st.DrawFn, number: int) -> Choice:
    parts = [ResponsePart("text", text) for text in draw(st.lists(_words, max_size=1))]
    tokens = draw(st.lists(_words, max_size=3))
    opaque = [Opaque(COMPLETIONS.name, {"logprobs": {"tokens": tokens}}, number)] if tokens else []
    return Choice(parts, draw(st.sampled_from(["stop", "length", "content_filter"])), opaque)


@st.composite
def _responses(draw: st.DrawFn) -> ChatResponse:
    choices = [draw(_choices(number)) for number in range(draw(st.integers(1, 3)))]
    usage = draw(st.one_of(st.none(), _usage))
    return ChatResponse(draw(_words), draw(_words), draw(st.integers(0, 2**40)), choices, usage)


def read(payloads: list[bytes]) -> list[Event]:
    reader = COMPLETIONS.reader()
    return [event for payload in payloads for event in reader.read(payload)]


def write(events: list[Event]) -> list[bytes]:
    writer = COMPLETIONS.writer()
    return [payload for event in events if (payload := writer.write(event)) is not None]


@given(_responses())
def test_a_stream_read_back_says_the_same(response: ChatResponse) -> None:
    events = read(write(list(unfold(response))))
    assert fold(events) == response
    assert read(write(events)) == events


@given(_responses())
def test_a_whole_answer_read_back_is_the_same(response: ChatResponse) -> None:
    assert COMPLETIONS.read_response(COMPLETIONS.write_response(response)) == response


def chunk(text: str, finish_reason: str | None = None, index: int = 0, **more: Any) -> bytes:
    choice = {"text": text, "index": index, "logprobs": None, "finish_reason": finish_reason}
    return json.dumps({"id": "c", "created": 7, "model": "m", "choices": [choice], **more}).encode()


def test_a_stream_as_servers_send_it() -> None:
    """Empty texts, usage null until the last chunk, the reason in a chunk of its own."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    last = json.dumps({"id": "c", "created": 7, "model": "m", "choices": [], "usage": usage}).encode()
    reader = COMPLETIONS.reader()
    payloads = [chunk("", usage=None), chunk("a"), chunk("b"), chunk("", "length"), last]
    events = [event for payload in payloads for event in reader.read(payload)]
    assert events == [
        Started("c", "m", 7),
        PartStarted(0, "text"),
        TextDelta("a", 0),
        TextDelta("b", 0),
        PartEnded(0),
        Finished("length"),
        UsageReported(Usage(3, 2)),
    ]
    assert reader.finished


def test_choices_end_one_by_one() -> None:
    reader = COMPLETIONS.reader()
    for payload in (chunk("a"), chunk("b", index=1), chunk("", "stop")):
        reader.read(payload)
        assert not reader.finished
    reader.read(chunk("", "stop", 1))
    assert reader.finished


def test_an_error_within_a_stream() -> None:
    (event,) = read([b'{"error": {"message": "fell over"}}'])
    assert isinstance(event, Failed)
    assert isinstance(event.error, UpstreamFailed)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b'{"choices": "x"', b'{"id": 7'])
def test_what_is_no_event(data: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        read([data])


def test_an_event_of_another_shape_is_kept_for_its_own_clients() -> None:
    (event,) = read([b'{"id": 7, "note": "odd"}'])
    assert event == Opaque(COMPLETIONS.name, {"chunk": {"id": 7, "note": "odd"}})
    assert write([event]) == [b'{"id":7,"note":"odd"}']


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"choices":[{}]}', b'{"error":{}}', b'{"choices":7}'])
def test_what_is_no_completion(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        COMPLETIONS.read_response(body)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"data":7}', b'{"error":{"message":"x"}}'])
def test_what_holds_no_embeddings(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        EMBEDDINGS.read_response(body)


def test_of_embeddings_only_model_and_usage_are_read() -> None:
    body = b'{"object":"list","data":[{"embedding":"AAAA"},[1.50]],"model":"m","usage":{"prompt_tokens":4}}'
    assert EMBEDDINGS.read_response(body) == ChatResponse(model="m", usage=Usage(4))


PROMPTS = [b'"x"', b'["x","y"]', b"[1,2]", b"[[1,2],[3]]"]


@pytest.mark.parametrize("prompt", [*PROMPTS, b"null"])
def test_any_kind_of_prompt_goes_through_untouched(prompt: bytes) -> None:
    body = b'{"model":"m", "prompt":' + prompt + b', "n":2,"x":1.50}'
    opened = COMPLETIONS.open_request(body)
    assert (opened.model, opened.stream) == ("m", False)
    assert opened.render(model="m", stream=False, include_usage=True) is body


@pytest.mark.parametrize("given", PROMPTS)
def test_any_kind_of_input_goes_through_untouched(given: bytes) -> None:
    body = b'{"model":"m", "input":' + given + b', "encoding_format":"base64","stream":true}'
    opened = EMBEDDINGS.open_request(body)
    assert opened.stream is False
    assert opened.render(model="m", stream=False, include_usage=True) is body
    assert b'"stream":true' in opened.render(model="other", stream=False, include_usage=True)


@pytest.mark.parametrize(
    ("dialect", "body", "param"),
    [
        (COMPLETIONS, b'{"model":"m","prompt":7}', "prompt"),
        (COMPLETIONS, b'{"model":"m","prompt":{}}', "prompt"),
        (COMPLETIONS, b'{"prompt":"x"}', "model"),
        (EMBEDDINGS, b'{"model":"m"}', "input"),
        (EMBEDDINGS, b'{"model":"m","input":null}', "input"),
        (EMBEDDINGS, b'{"model":"m","input":{"text":"x"}}', "input"),
    ],
)
def test_a_faulty_request_names_its_field(dialect: Any, body: bytes, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        dialect.open_request(body)
    assert caught.value.param == param


def test_what_is_only_passed_through_is_not_translated() -> None:
    for dialect in (COMPLETIONS, EMBEDDINGS):
        with pytest.raises(Unsupported):
            dialect.read_request(b"{}")
