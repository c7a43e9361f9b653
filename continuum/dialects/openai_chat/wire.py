"""OpenAI's chat completions as they stand on the wire: typed views that skip what nobody here reads.

Source: the OpenAI API reference (chat completions, streaming); reasoning fields as vLLM, llama.cpp, DeepSeek and
OpenRouter send them. Decoding a streamed chunk into `Chunk` costs about 0.6 us. What a chunk is made of lives for a
moment and cannot hold itself: the garbage collector need not know of it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from continuum.chat import Usage

__all__ = [
    "NAME",
    "Chunk",
    "Completion",
    "WireUsage",
    "decode_chunk",
    "decode_completion",
    "decode_outline",
    "text_of",
    "usage_in",
    "usage_out",
]

NAME = "openai_chat"


class _TokenDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct, gc=False):
    """usage{prompt_tokens, completion_tokens, …_details}"""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _TokenDetails | None = None
    completion_tokens_details: _TokenDetails | None = None


class WireFunction(msgspec.Struct, gc=False):
    """function{name, arguments}"""

    name: str | None = None
    arguments: str | None = None


class WireToolCall(msgspec.Struct, gc=False):
    """One of tool_calls[]; `index` only in streams."""

    index: int | None = None
    id: str | None = None
    function: WireFunction | None = None


class WireMessage(msgspec.Struct, gc=False):
    """message{} of an answer, and delta{} of a chunk."""

    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[WireToolCall] | None = None


def text_of(content: str | list[dict[str, Any]] | None) -> str:
    """The text of a content field; some servers send a list of parts."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part.get("text"), str))
    return content or ""


class ChunkChoice(msgspec.Struct, gc=False):
    """One of choices[] of a chunk."""

    index: int = 0
    delta: WireMessage | None = None
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class Chunk(msgspec.Struct, gc=False):
    """One `data:` of a stream."""

    id: str | None = None
    model: str | None = None
    created: float | None = None
    choices: list[ChunkChoice] | None = None
    usage: WireUsage | None = None
    error: Any = None
    system_fingerprint: str | None = None
    timings: dict[str, Any] | None = None


class CompletionChoice(msgspec.Struct):
    """One of choices[] of a whole answer."""

    message: WireMessage
    index: int = 0
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class Completion(msgspec.Struct):
    """A whole answer."""

    choices: list[CompletionChoice]
    id: str | None = None
    model: str | None = None
    created: float | None = None
    usage: WireUsage | None = None


class Outline(msgspec.Struct):
    """What of a whole answer must be there for it to count as one."""

    choices: list[msgspec.Raw]
    usage: WireUsage | None = None


decode_outline = msgspec.json.Decoder(Outline).decode
decode_chunk = msgspec.json.Decoder(Chunk).decode
decode_completion = msgspec.json.Decoder(Completion).decode


def usage_in(wire: WireUsage) -> Usage:
    """Canonical usage of what a backend said."""
    prompt, completion = wire.prompt_tokens_details, wire.completion_tokens_details
    return Usage(
        wire.prompt_tokens or 0,
        wire.completion_tokens or 0,
        (prompt.cached_tokens or 0) if prompt else 0,
        (completion.reasoning_tokens or 0) if completion else 0,
    )


def usage_out(usage: Usage) -> dict[str, object]:
    """The usage object a client of this dialect reads."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
