"""The prompt's beginning, read off a body as off a request."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.chat import opening
from continuum.dialects.openai_chat import open_envelope, read_request

TEXTS = st.text(max_size=30)
Json = dict[str, object]


def text_part(text: str) -> Json:
    return {"type": "text", "text": text}


def message(role: str, content: object) -> Json:
    return {"role": role, "content": content}


PICTURE: Json = {"type": "image_url", "image_url": {"url": "http://h/p.png"}}
PARTS = st.lists(st.builds(text_part, TEXTS) | st.just(PICTURE), max_size=3)
ROLES = st.sampled_from(["system", "user", "assistant"])
MESSAGES = st.lists(st.builds(message, ROLES, st.one_of(TEXTS, PARTS, st.none())), max_size=5)


def body(messages: object) -> bytes:
    return json.dumps({"model": "m", "messages": messages}).encode()


@given(messages=MESSAGES, length=st.integers(1, 100), escaped=st.booleans())
def test_body_and_request_begin_alike(messages: list[Json], length: int, *, escaped: bool) -> None:
    """Whoever asks, and however the JSON is written: the same prompt has the same key."""
    sent = json.dumps({"model": "m", "messages": messages}, ensure_ascii=escaped, indent=length % 3 or None).encode()
    found = open_envelope(sent).opening(length)
    assert found == opening(read_request(sent).messages, length)
    assert len(found) <= length


def test_it_is_what_was_said() -> None:
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "hé"}]},
    ]
    assert open_envelope(body(messages)).opening(100) == "be brief\nhé"
    assert open_envelope(body(messages)).opening(10) == "be brief\nh"
    assert open_envelope(body(messages)).opening(9) == "be brief\n"[:9].rstrip()


@pytest.mark.parametrize("odd", [[7], ["text"], [{"content": 7}], [{"content": [7]}], [{"content": [{"text": 7}]}], []])
def test_what_cannot_be_read_says_nothing(odd: object) -> None:
    assert open_envelope(body(odd)).opening(10) == ""
