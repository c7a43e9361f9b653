"""How a prompt begins, read off a body without decoding the rest of it. Sans-I/O."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

__all__ = ["opening"]


class _Message(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw(b"null")


class _Part(msgspec.Struct):
    text: str = ""


_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_message = msgspec.json.Decoder(_Message).decode
_content = msgspec.json.Decoder(str | list[_Part] | None).decode


def opening(messages: msgspec.Raw, length: int) -> str:
    """The first `length` characters of what is said, a line for each text, as continuum.chat.opening gives them.
    What cannot be read says nothing: to refuse it is the backend's business.
    """
    said: list[str] = []
    try:
        for text in _texts(messages):
            said.append(text[:length])
            length -= len(text) + 1
            if length <= 0:
                break
    except msgspec.DecodeError:
        pass
    return "\n".join(said)


def _texts(messages: msgspec.Raw) -> Iterator[str]:
    for raw in _split(messages):
        content = _content(_message(raw).content)
        texts = [content] if isinstance(content, str) else [part.text for part in content or ()]
        yield from filter(None, texts)
