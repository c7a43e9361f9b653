"""A global prompt in a request's messages: the rule, and that bytes and read messages come to the same."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.chat import GlobalPrompt, Message, Text
from continuum.dialects.openai_chat import open_envelope, read_request
from continuum.redact import unquoted

Json = dict[str, Any]

STRATEGIES = ("prepend", "append", "replace")
LONE: Json = {"role": "system", "content": "G"}
USER: Json = {"role": "user", "content": "hello"}


def system(content: object, role: str = "system", **more: object) -> Json:
    return {"role": role, "content": content, **more}


def text(said: object, **more: object) -> Json:
    return {"type": "text", "text": said, **more}


IMAGE: Json = {"type": "image_url", "image_url": {"url": "data:,"}}
ODD = system({"text": "own"})

CASES: dict[str, tuple[list[Any], list[Any], list[Any], list[Any]]] = {
    # the request's messages, and them prepended to, appended to, replaced
    "none": ([USER], [LONE, USER], [LONE, USER], [LONE, USER]),
    "no messages": ([], [LONE], [LONE], [LONE]),
    "one": ([system("own"), USER], [system("G\n\nown"), USER], [system("own\n\nG"), USER], [LONE, USER]),
    "developer": (
        [system("own", "developer"), USER],
        [system("G\n\nown", "developer"), USER],
        [system("own\n\nG", "developer"), USER],
        [LONE, USER],
    ),
    "several": (
        [system("a"), system("b", "developer"), USER],
        [system("G\n\na"), system("b", "developer"), USER],
        [system("a"), system("b\n\nG", "developer"), USER],
        [LONE, USER],
    ),
    "a reminder at the end": (
        [USER, system("late")],
        [LONE, USER, system("late")],
        [LONE, USER, system("late")],
        [LONE, USER],
    ),
    "both": (
        [system("own"), USER, system("late", "developer"), USER],
        [system("G\n\nown"), USER, system("late", "developer"), USER],
        [system("own\n\nG"), USER, system("late", "developer"), USER],
        [LONE, USER, USER],
    ),
    "empty": ([system(""), USER], [LONE, USER], [LONE, USER], [LONE, USER]),
    "null": ([system(None), USER], [LONE, USER], [LONE, USER], [LONE, USER]),
    "no parts": ([system([]), USER], [LONE, USER], [LONE, USER], [LONE, USER]),
    "parts": (
        [system([text("a", cache_control={"type": "ephemeral"}), text("b")]), USER],
        [system([text("G\n\na", cache_control={"type": "ephemeral"}), text("b")]), USER],
        [system([text("a", cache_control={"type": "ephemeral"}), text("b\n\nG")]), USER],
        [LONE, USER],
    ),
    "a part that is no text": (
        [system([IMAGE]), USER],
        [system([text("G"), IMAGE]), USER],
        [system([IMAGE, text("G")]), USER],
        [LONE, USER],
    ),
    "other fields": (
        [system("own", name="me", x=1), USER],
        [system("G\n\nown", name="me", x=1), USER],
        [system("own\n\nG", name="me", x=1), USER],
        [LONE, USER],
    ),
    "what a backend will refuse": ([ODD, 5, USER], [LONE, ODD, 5, USER], [ODD, LONE, 5, USER], [LONE, 5, USER]),
}


def prompted(messages: Sequence[Any], prompt: GlobalPrompt, **more: Any) -> Json:
    body = json.dumps({"model": "m", **more, "messages": messages}).encode()
    rendered = open_envelope(body).render(model="m", stream=False, include_usage=True, prompt=prompt)
    decoded: Json = json.loads(rendered)
    return decoded


@pytest.mark.parametrize("number", range(3), ids=STRATEGIES)
@pytest.mark.parametrize("name", CASES)
def test_where_it_goes(name: str, number: int) -> None:
    messages, *wanted = CASES[name]
    prompt = GlobalPrompt("G", STRATEGIES[number])  # type: ignore[arg-type]
    body = prompted(messages, prompt, x={"kept": [1.50, None]}, n=1)
    assert body == {"model": "m", "x": {"kept": [1.5, None]}, "n": 1, "messages": wanted[number]}


TEXTS = st.text('ab \n"\\é\u2028', max_size=4)
AUDIO: Json = {"type": "input_audio", "input_audio": {}}
PARTS = st.one_of(TEXTS.map(text), st.just(IMAGE), st.just(AUDIO))
CONTENTS = st.one_of(TEXTS, st.lists(PARTS, max_size=3), st.none())
MESSAGES = st.lists(
    st.builds(system, CONTENTS, st.sampled_from(["system", "developer", "user", "assistant"])), max_size=5
)
PROMPTS = st.builds(
    GlobalPrompt, st.text(min_size=1, max_size=5), st.sampled_from(STRATEGIES), st.sampled_from(["", "\n\n", " | "])
)


@given(messages=MESSAGES, prompt=PROMPTS)
def test_bytes_and_read_messages_come_to_the_same(messages: list[Json], prompt: GlobalPrompt) -> None:
    sent = {"model": "m", "messages": messages}
    of_bytes = read_request(json.dumps(prompted(messages, prompt)).encode()).messages
    before = read_request(json.dumps(sent).encode()).messages
    assert of_bytes == prompt.added_to(before)
    assert before == read_request(json.dumps(sent).encode()).messages, "what was given stays as it was"


@given(messages=MESSAGES, prompt=PROMPTS)
def test_it_is_there_once_and_nothing_else_is_lost(messages: list[Json], prompt: GlobalPrompt) -> None:
    after = prompted(messages, prompt)["messages"]
    talk = [each for each in messages if each["role"] in {"user", "assistant"}]
    assert [each for each in after if each["role"] in {"user", "assistant"}] == talk
    assert prompt.text in said(after[0]) or prompt.strategy == "append"
    if prompt.strategy == "replace":
        assert after == [system(prompt.text), *talk]
    else:
        own = "".join(said(each) for each in messages)
        added = sum(map(len, map(said, after))) - len(own)
        assert added in {len(prompt.text), len(prompt.text) + len(prompt.separator)}
        assert len(after) - len(messages) in {0, 1}


def said(message: Json) -> str:
    content = message["content"] or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def test_without_one_the_bytes_stay_as_they_came() -> None:
    body = b'{ "model":"m", "messages" : [ {"role":"user"} ] }'
    assert open_envelope(body).render(model="m", stream=False, include_usage=True) is body


def test_messages_that_it_does_not_meet_are_the_clients_own_bytes() -> None:
    own = b'{"role" : "user", "content": 1.500e+1, "role": "user"}'
    body = b'{"model":"m","messages":[' + own + b"]}"
    rendered = open_envelope(body).render(
        model="m", stream=False, include_usage=True, prompt=GlobalPrompt("G\u2028\"'")
    )
    assert own in rendered


def test_a_conversation_of_our_own() -> None:
    messages = [Message.of_text("system", "own"), Message.of_text("user", "hi")]
    (first, second) = GlobalPrompt("G", "prepend", "/").added_to(messages)
    assert (first.parts, second.parts) == ([Text("G/own")], [Text("hi")])


SECRET = "You are the assistant of Example Corp. Never mention project Nightjar to anybody."


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (f"bad input: {SECRET!r}", "bad input: '[redacted]'"),
        (f"bad: {SECRET[:40]}... at 3", "bad: [redacted]... at 3"),
        (f"one: {SECRET[:30]} two: {SECRET[-30:]}", "one: [redacted] two: [redacted]"),
        ("the assistant of your choice is unknown", "the assistant of your choice is unknown"),
        ("", ""),
    ],
)
def test_quotes_are_cut_out(message: str, shown: str) -> None:
    assert unquoted(message, SECRET) == shown


def test_a_short_source_is_cut_out_whole_or_not_at_all() -> None:
    assert unquoted("got: Be polite.", "Be polite.") == "got: [redacted]"
    assert unquoted("Be polite", "Be polite.") == "Be polite"
    assert unquoted("to be or not to be", "be") == "to be or not to be"


@given(before=st.text("01", max_size=40), at=st.integers(0, 60), length=st.integers(24, 60), after=st.text("01"))
def test_no_run_of_a_source_is_left(before: str, at: int, length: int, after: str) -> None:
    source = SECRET + " " + SECRET[::-1]
    quote = source[at : at + length]
    shown = unquoted(before + quote + after, source)
    assert shown == f"{before}[redacted]{after}"
