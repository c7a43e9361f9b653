"""A global prompt put into a body's messages: only the message it meets is decoded and written anew. Sans-I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from continuum.chat import SYSTEM_ROLES

if TYPE_CHECKING:
    from continuum.chat import GlobalPrompt

__all__ = ["with_prompt"]


class _Head(msgspec.Struct):
    role: str = ""


class _TextPart(msgspec.Struct, tag_field="type", tag="text"):
    text: str


_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_head = msgspec.json.Decoder(_Head).decode
_text_part = msgspec.json.Decoder(_TextPart).decode
_content = msgspec.json.Decoder(str | list[msgspec.Raw] | None).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.encode


def with_prompt(messages: msgspec.Raw, prompt: GlobalPrompt) -> list[msgspec.Raw]:
    """The messages of a request (a JSON list) with the prompt: what `GlobalPrompt.added_to` makes of them when read.
    What cannot be read stays as it is, and the prompt beside it: to refuse it is the backend's business.
    """
    new = msgspec.Raw(_encode({"role": "system", "content": prompt.text}))
    return prompt.merged(
        _split(messages), is_system=_is_system, new=new, meet=lambda message: _met(message, new, prompt)
    )


def _is_system(message: msgspec.Raw) -> bool:
    try:
        return _head(message).role in SYSTEM_ROLES
    except msgspec.ValidationError:
        return False


def _met(message: msgspec.Raw, new: msgspec.Raw, prompt: GlobalPrompt) -> Sequence[msgspec.Raw]:
    fields = _fields(message)
    try:
        own: str | list[msgspec.Raw] | None = _content(fields.get("content", b"null"))
    except msgspec.ValidationError:
        return prompt.beside([message], new)
    return [msgspec.Raw(_encode({**fields, "content": _content_with(own, prompt)}))]


def _content_with(own: str | list[msgspec.Raw] | None, prompt: GlobalPrompt) -> object:
    if isinstance(own, str):
        return prompt.joined(own)
    return _parts_with(own, prompt) if own else prompt.text


def _parts_with(parts: list[msgspec.Raw], prompt: GlobalPrompt) -> list[msgspec.Raw]:
    """Into the text at its side; where there stands something else, a part of its own."""
    own = parts[prompt.place]
    try:
        said = _text_part(own).text
    except msgspec.ValidationError:
        return prompt.beside(parts, msgspec.Raw(_encode({"type": "text", "text": prompt.text})))
    text = msgspec.Raw(_encode({**_fields(own), "text": prompt.joined(said)}))
    return [text, *parts[1:]] if prompt.place == 0 else [*parts[:-1], text]
