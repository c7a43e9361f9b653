"""llama.cpp's server, as observed on builds of October 2026.

It frees the slot of a dropped request only when that request streams, so it is always streamed; it accepts any
model name and answers with its own alias; an image for a text model is a 500.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum.dialects.raw import is_object
from continuum.providers.base import Loopback, Provider

if TYPE_CHECKING:
    from continuum.dialects.openai_chat import ErrorView
    from continuum.dialects.raw import JsonObject

__all__ = ["PROVIDER"]


def _request_fault(status: int, error: ErrorView) -> bool:
    return status == 500 and "input is not supported" in error.message


def _fingerprint(entry: JsonObject) -> bool:
    meta = entry.get("meta")
    return entry.get("owned_by") == "llamacpp" or (is_object(meta) and "n_ctx_train" in meta)


PROVIDER = Provider(
    name="llamacpp",
    health_path="/health",
    fingerprint=_fingerprint,
    request_fault=_request_fault,
    overflow=("exceed_context_size_error",),
    always_stream=True,
    answers_alias=True,
    loopback=(Loopback(title="llama.cpp", port=8080, owner="llamacpp", server="llama.cpp"),),
)
