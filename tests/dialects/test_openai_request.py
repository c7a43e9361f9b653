"""OpenAI's request: what a client sent goes on as it came, what is wrong is named, what we write reads back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.chat import (
    ChatRequest,
    Image,
    Message,
    Reasoning,
    ResponseFormat,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from continuum.dialects.openai_chat import open_envelope, read_request, write_request
from continuum.errors import InvalidRequest

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def body(**changes: Any) -> bytes:
    return json.dumps({**BODY, **changes}).encode()


def test_nothing_to_change_means_the_very_bytes() -> None:
    sent = b'{ "model" : "m",\n "messages":[ ], "odd": 1.50, "stream":true,"stream_options":{"include_usage":true}}'
    assert open_envelope(sent).render(model="m", stream=True, include_usage=True) is sent


def test_only_what_must_change_is_changed() -> None:
    sent = b'{"model":"m","messages":[{"x":1.50}],"stream":true,"stream_options":{"chunk":1},"api_key":"k","n":2}'
    written = open_envelope(sent).render(model="other", stream=True, include_usage=True)
    assert b'"messages":[{"x":1.50}]' in written
    assert json.loads(written) == {
        "model": "other",
        "messages": [{"x": 1.5}],
        "stream": True,
        "stream_options": {"chunk": 1, "include_usage": True},
        "n": 2,
    }


@pytest.mark.parametrize(
    ("sent", "param", "code"),
    [
        (b"", None, "invalid_json"),
        (b"nope", None, "invalid_json"),
        (b"[]", None, "invalid_json"),
        (b'"text"', None, "invalid_json"),
        (body() + b" x", None, "invalid_json"),
        (body()[:-1], None, "invalid_json"),
        (body().replace(b'"hi"', b"NaN"), None, "invalid_json"),
        (body().replace(b'"hi"', b'"\xff"'), None, "invalid_json"),
        (json.dumps(BODY).encode("utf-16"), None, "invalid_json"),
        (body(deep=json.loads("[" * 101 + "]" * 101)), None, "invalid_json"),
        (body().replace(b'"hi"', b"[" * 50_000 + b"]" * 50_000), None, "invalid_json"),
        (b'{"messages": []}', "model", "missing_required_parameter"),
        (b'{"model": "m"}', "messages", "missing_required_parameter"),
        (body(model=1), "model", "invalid_type"),
        (body(model=None), "model", "invalid_type"),
        (body(model=""), "model", "invalid_value"),
        (body(model="m" * 257), "model", "invalid_value"),
        (body(model="a\nb"), "model", "invalid_value"),
        (body(messages={}), "messages", "invalid_type"),
        (body(messages="hi"), "messages", "invalid_type"),
        (body(stream="yes"), "stream", "invalid_type"),
        (body(stream_options=[]), "stream_options", "invalid_type"),
        (body(n="two"), "n", "invalid_type"),
    ],
)
def test_what_is_wrong_is_named(sent: bytes, param: str | None, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        open_envelope(sent)
    assert (caught.value.param, caught.value.code) == (param, code)


def test_brackets_in_text_are_not_depth() -> None:
    assert open_envelope(body(messages=[{"role": "user", "content": '[{"' * 500}])).model == "m"


STRINGS = st.text(st.sampled_from('a"\\\\[]{}\n'), max_size=6)
NESTED: st.SearchStrategy[Any] = st.recursive(
    STRINGS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3), max_leaves=12
)


def depth(value: Any) -> int:
    if isinstance(value, str):
        return 0
    inner: Any = value.values() if hasattr(value, "values") else value
    return 1 + max(map(depth, inner), default=0)


@given(NESTED, st.integers(85, 100))
def test_depth_is_counted_outside_strings(value: Any, wrapped: int) -> None:
    """Its JSON has every bracket, quote and backslash in its strings, too."""
    for _ in range(wrapped):
        value = [value]
    raw = body(odd=value, more="[" * 100)
    if 1 + depth(value) <= 100:
        assert open_envelope(raw).model == "m"
    else:
        with pytest.raises(InvalidRequest, match="nested deeper"):
            open_envelope(raw)


def test_a_large_body_is_as_deep_as_can_be_parsed() -> None:
    filler = "x" * 300_000
    assert open_envelope(body(deep=json.loads("[" * 150 + "]" * 150), filler=filler)).model == "m"
    for bomb in ("[" * 5000 + "]" * 5000, '{"a":' * 100_000):
        with pytest.raises(InvalidRequest):
            open_envelope(b'{"model":"m","messages":[],"filler":"%b","deep":%b}' % (filler.encode(), bomb.encode()))


def test_a_field_that_stands_twice_may_go_on_once() -> None:
    sent = b'{"model":"a", "model":"m","messages":[ ],"n":1}'
    opened = open_envelope(sent)
    assert opened.model == "m"
    assert opened.render(model="m", stream=False, include_usage=True) is sent
    once = opened.render(model="m", stream=False, include_usage=True, once=True)
    assert once == b'{"model":"m","messages":[ ],"n":1}'


def test_the_deepest_that_is_allowed() -> None:
    assert open_envelope(body(deep=json.loads("[" * 99 + "]" * 99))).model == "m"


def _assistant(thought: list[Reasoning], text: list[Text], calls: list[ToolUse]) -> Message:
    return Message("assistant", [*thought, *text, *calls])


def _tool(call: str, text: Text) -> Message:
    return Message("tool", [ToolResult(call, [text])])


_words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
_text = st.builds(Text, _words)
_image = st.builds(Image, st.just("https://images.test/a.png"), st.sampled_from([None, "low"]))
_messages = st.one_of(
    st.builds(Message, st.sampled_from(["system", "developer"]), _text.map(lambda text: [text])),
    st.builds(Message, st.just("user"), st.lists(st.one_of(_text, _image), min_size=1, max_size=3), st.none()),
    st.builds(
        _assistant,
        st.lists(st.builds(Reasoning, _words), max_size=1),
        st.lists(_text, min_size=1, max_size=1),
        st.lists(st.builds(ToolUse, _words, _words, _words), max_size=2),
    ),
    st.builds(_tool, _words, _text),
)
_schema: dict[str, object] = {"type": "object", "properties": {}}
_requests = st.builds(
    ChatRequest,
    model=_words,
    messages=st.lists(_messages, max_size=4),
    tools=st.lists(st.builds(Tool, _words, st.none() | _words, st.none() | st.just(_schema), st.none()), max_size=2),
    tool_choice=st.none()
    | st.builds(ToolChoice, st.sampled_from(["auto", "none", "required"]))
    | st.builds(ToolChoice, st.just("tool"), _words),
    response_format=st.none()
    | st.builds(ResponseFormat, st.sampled_from(["text", "json_object"]))
    | st.builds(ResponseFormat, st.just("json_schema"), _words, st.just(_schema), st.booleans()),
    max_tokens=st.none() | st.integers(1, 10**6),
    temperature=st.none() | st.floats(0, 2),
    stop=st.lists(_words, max_size=2),
    n=st.integers(1, 4),
    seed=st.none() | st.integers(0, 2**31),
    reasoning_effort=st.none() | st.sampled_from(["low", "high"]),
    extra=st.dictionaries(_words.map(lambda word: f"x_{word}"), st.integers(), max_size=2),
)


@given(request=_requests, stream=st.booleans())
def test_what_is_written_reads_back(request: ChatRequest, *, stream: bool) -> None:
    written = write_request(request, model=request.model, stream=stream)
    assert read_request(written) == request
    assert json.loads(written)["stream"] is stream


def test_several_tool_results_become_a_message_each() -> None:
    results = Message("tool", [ToolResult("a", [Text("1")]), ToolResult("b", [])])
    written = json.loads(write_request(ChatRequest("m", [results]), model="m", stream=False))
    assert written["messages"] == [
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": ""},
    ]
