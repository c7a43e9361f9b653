"""OpenAI's embeddings (`/v1/embeddings`): passed through; only the model and the usage are read. Sans-I/O.

Vectors are never decoded: floats, base64 and whatever a vendor adds go through as the bytes they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from continuum.chat import ChatResponse
from continuum.dialects.openai_chat import Envelope, Subject, WireUsage, open_envelope, usage_in
from continuum.errors import UpstreamProtocolError

if TYPE_CHECKING:
    from continuum.chat import Usage

__all__ = ["NAME", "open_request", "read_response", "read_usage"]

NAME = "openai_embeddings"

_INPUT = Subject("input", b'"[', "a string or a list", streams=False)


class _Embeddings(msgspec.Struct):
    data: list[msgspec.Raw]
    model: str | None = None
    usage: WireUsage | None = None


_decode = msgspec.json.Decoder(_Embeddings).decode


def open_request(body: bytes, *, default_model: str | None = None) -> Envelope:
    """A client's request, its input (text, or tokens) untouched."""
    return open_envelope(body, subject=_INPUT, default_model=default_model)


def read_response(body: bytes) -> ChatResponse:
    """An answer's model and usage, without choices. Raises UpstreamProtocolError when it is none."""
    try:
        wire = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamProtocolError("the backend's answer holds no embeddings") from None
    return ChatResponse(model=wire.model or "", usage=usage_in(wire.usage) if wire.usage is not None else None)


def read_usage(body: bytes) -> Usage | None:
    """What an answer that goes on as it came has used."""
    return read_response(body).usage
