"""The bodies of OpenAI's chat dialect, deterministic and as plain dicts. Nothing about sockets."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CREATED = 1_700_000_000
IDENTITY = "chatcmpl-upstream"
PROMPT_TOKENS = 9

WORDS = ("Every ", "word ", "of ", "this ", "answer ", "is ", "made ", "up.")
"""The default answer, one stream chunk a word."""

Json = dict[str, Any]


def usage(completion_tokens: int) -> Json:
    """Token counts."""
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": completion_tokens,
        "total_tokens": PROMPT_TOKENS + completion_tokens,
    }


def completion(model: str, message: Mapping[str, Any], finish_reason: str, completion_tokens: int) -> Json:
    """A whole chat completion."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", **message},
        "logprobs": None,
        "finish_reason": finish_reason,
    }
    return {
        "id": IDENTITY,
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [choice],
        "usage": usage(completion_tokens),
        "system_fingerprint": "fp_upstream",
    }


def chunk(model: str, delta: Mapping[str, Any], finish_reason: str | None = None) -> Json:
    """One chunk of a streamed chat completion."""
    choice = {"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": finish_reason}
    return _chunk(model, [choice])


def usage_chunk(model: str, completion_tokens: int) -> Json:
    """The chunk without choices that carries the usage."""
    return {**_chunk(model, []), "usage": usage(completion_tokens)}


def _chunk(model: str, choices: Sequence[Json]) -> Json:
    return {
        "id": IDENTITY,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "system_fingerprint": "fp_upstream",
        "choices": list(choices),
    }


def error(message: str, kind: str = "server_error", code: str | None = None, param: str | None = None) -> Json:
    """An error body."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def models(names: Iterable[str]) -> Json:
    """The model list."""
    data = [{"id": name, "object": "model", "created": CREATED, "owned_by": "upstream"} for name in names]
    return {"object": "list", "data": data}
