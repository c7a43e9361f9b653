"""The whole answer, both ways. Sans-I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from continuum.chat import ChatResponse, Choice, Opaque, ResponsePart, Usage
from continuum.dialects.openai_chat.wire import (
    NAME,
    CompletionChoice,
    WireMessage,
    decode_completion,
    decode_outline,
    text_of,
    usage_in,
    usage_out,
)
from continuum.dialects.raw import is_object
from continuum.errors import UpstreamProtocolError

T = TypeVar("T")

__all__ = ["join_logprobs", "read_response", "read_usage", "write_response"]


def read_usage(body: bytes) -> Usage | None:
    """What an answer that goes on as it came has used. Only its outline must be that of a chat completion."""
    outline = _decode(body, decode_outline)
    return usage_in(outline.usage) if outline.usage is not None else None


def read_response(body: bytes) -> ChatResponse:
    """A whole answer in no vendor's words."""
    wire = _decode(body, decode_completion)
    choices = [_read_choice(choice, number) for number, choice in enumerate(wire.choices)]
    usage = usage_in(wire.usage) if wire.usage is not None else None
    return ChatResponse(wire.id or "", wire.model or "", int(wire.created or 0), choices, usage)


def _decode(body: bytes, decode: Callable[[bytes], T]) -> T:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamProtocolError("the backend's answer is not a chat completion") from None


def _read_choice(wire: CompletionChoice, number: int) -> Choice:
    opaque = [Opaque(NAME, {"logprobs": wire.logprobs}, number)] if wire.logprobs is not None else []
    return Choice(_read_parts(wire.message), wire.finish_reason or "", opaque)


def _read_parts(message: WireMessage) -> list[ResponsePart]:
    parts: list[ResponsePart] = []
    if thought := message.reasoning_content or message.reasoning:
        parts.append(ResponsePart("reasoning", thought))
    if text := text_of(message.content):
        parts.append(ResponsePart("text", text))
    if message.refusal:
        parts.append(ResponsePart("refusal", message.refusal))
    for call in message.tool_calls or ():
        function = call.function
        name, arguments = (function.name, function.arguments) if function else ("", "")
        parts.append(ResponsePart("tool", arguments or "", call.id or "", name or ""))
    return parts


def write_response(response: ChatResponse) -> bytes:
    """The body of a chat completion."""
    body: dict[str, object] = {
        **response.vendor,
        "id": response.id,
        "object": "chat.completion",
        "created": response.created,
        "model": response.model,
        "choices": [_write_choice(choice, number) for number, choice in enumerate(response.choices)],
    }
    if response.usage is not None:
        body["usage"] = usage_out(response.usage)
    return msgspec.json.encode(body)


def _write_choice(choice: Choice, number: int) -> dict[str, object]:
    texts = {
        kind: "".join(part.text for part in choice.parts if part.kind == kind)
        for kind in ("text", "refusal", "reasoning")
    }
    calls = [
        {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.text}}
        for part in choice.parts
        if part.kind == "tool"
    ]
    message: dict[str, object] = {"role": "assistant", "content": texts["text"] or (None if calls else "")}
    message["refusal"] = texts["refusal"] or None
    if texts["reasoning"]:
        message["reasoning_content"] = texts["reasoning"]
    if calls:
        message["tool_calls"] = calls
    return {
        "index": number,
        "message": message,
        "logprobs": join_logprobs(choice, NAME),
        "finish_reason": choice.finish_reason or None,
    }


def join_logprobs(choice: Choice, dialect: str) -> dict[str, object] | None:
    """Streamed log probabilities come in pieces, each field a list (content and refusal, or tokens): joined again."""
    joined: dict[str, object] = {}
    for opaque in choice.opaque:
        found = opaque.data.get("logprobs") if opaque.dialect == dialect else None
        for field, value in (found if is_object(found) else {}).items():
            known = joined.get(field)
            joined[field] = [*known, *value] if isinstance(known, list) and isinstance(value, list) else value or known
    return joined or None
