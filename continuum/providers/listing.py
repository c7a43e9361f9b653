"""Lists of models as servers answer them: OpenAI's form and what others make of it. Pure, and never stricter than
it must be: whatever has an id is a model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeGuard

import msgspec

from continuum.dialects.raw import is_list, is_object
from continuum.errors import UpstreamProtocolError

if TYPE_CHECKING:
    from continuum.dialects.raw import JsonObject

__all__ = [
    "Fingerprint",
    "ModelInfo",
    "is_model_id",
    "no_fingerprint",
    "read_entries",
    "read_openai_models",
    "seconds_of",
]

Fingerprint = Callable[["JsonObject"], bool]
"""Whether an entry of `GET /v1/models` is one that only this kind of server writes."""

_ABSURD = 2**40
"""No time in seconds and no number of tokens is as large: a server that says so talks nonsense."""


_WINDOWS = (
    "max_model_len",  # vLLM, SGLang
    "n_ctx",  # llama.cpp, in `meta`: what it serves
    "n_ctx_train",  # llama.cpp, in `meta`: what the model could take
    "loaded_context_length",  # LM Studio: what it serves
    "context_length",  # OpenRouter, Together
    "context_window",  # Groq
    "max_context_length",  # Mistral, LM Studio
)
"""What servers call a model's context window; the first that is there counts."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model a server lists. created: seconds since the epoch, 0 when unknown; context_window in tokens."""

    id: str
    owned_by: str = ""
    created: int = 0
    context_window: int | None = None


def no_fingerprint(entry: JsonObject) -> bool:  # noqa: ARG001 - the table's signature
    """Most servers cannot be told by their list."""
    return False


def read_entries(body: bytes, key: str = "data") -> list[JsonObject]:
    """The objects of a list of models, `{key: [...]}` or the bare list; null is an empty one (Ollama without models).
    Raises UpstreamProtocolError.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _unreadable() from None
    listed = value.get(key, ...) if is_object(value) else value
    if listed is None:
        return []
    if not is_list(listed):
        raise _unreadable()
    return [entry for entry in listed if is_object(entry)]


def read_openai_models(body: bytes) -> list[ModelInfo]:
    """`GET /v1/models` as OpenAI and its kin answer it. Raises UpstreamProtocolError, also for a list of something
    else.
    """
    entries = read_entries(body)
    if entries and not any("id" in entry for entry in entries):
        raise _unreadable()
    return [_info(entry) for entry in entries if is_model_id(entry.get("id"))]


def is_model_id(value: object) -> TypeGuard[str]:
    """Whether a model can be asked for by this name: it also stands in headers and log lines."""
    return isinstance(value, str) and bool(value) and value.isprintable()


def seconds_of(timestamp: object) -> int:
    """An ISO 8601 time in seconds since the epoch; 0 for anything else."""
    try:
        return int(datetime.fromisoformat(timestamp).timestamp()) if isinstance(timestamp, str) else 0
    except (ValueError, OverflowError):
        return 0


def _info(entry: JsonObject) -> ModelInfo:
    return ModelInfo(entry["id"], _text(entry.get("owned_by")), _count(entry.get("created")), _window(entry))


def _window(entry: JsonObject) -> int | None:
    meta = entry.get("meta")
    said = {**(meta if is_object(meta) else {}), **entry}
    return next((window for name in _WINDOWS if (window := _count(said.get(name)))), None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    """A number that counts something; 0 for anything else."""
    return int(value) if isinstance(value, (int, float)) and 0 < value < _ABSURD else 0


def _unreadable() -> UpstreamProtocolError:
    return UpstreamProtocolError("the backend's list of models cannot be read")
