"""How many tokens a call will use, as far as can be said before it is sent: cheap, and put right afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from continuum.chat import Text

if TYPE_CHECKING:
    from continuum.chat import ChatRequest

__all__ = ["ANSWER", "BYTES_PER_TOKEN", "prompt_tokens", "request_tokens", "text_tokens"]

ANSWER: Final = 256
"""Tokens of an answer whose length nobody bounded."""

BYTES_PER_TOKEN: Final = 4
_PICTURE: Final = 1000  # tokens, about: what vendors count for one does not depend on its bytes
_INLINE: Final = b";base64,"


def prompt_tokens(body: bytes) -> int:
    """Tokens of a request's body, data that stands in it as base64 aside."""
    length, pictures, at = len(body), 0, 0
    while (start := body.find(_INLINE, at)) >= 0:
        at = body.find(b'"', start)
        if at < 0:
            break
        length -= at - start
        pictures += 1
    return length // BYTES_PER_TOKEN + pictures * _PICTURE


def request_tokens(request: ChatRequest) -> int:
    """Tokens of a request of our own making."""
    texts = (part for message in request.messages for part in message.parts if isinstance(part, Text))
    return sum(len(part.text.encode()) for part in texts) // BYTES_PER_TOKEN


def text_tokens(text: str) -> int:
    """Tokens of a text alone."""
    return len(text.encode()) // BYTES_PER_TOKEN
