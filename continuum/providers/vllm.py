"""vLLM. Source: its OpenAI-compatible server; each entry of its list of models has its max_model_len."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum.providers.base import Provider

if TYPE_CHECKING:
    from continuum.dialects.raw import JsonObject

__all__ = ["PROVIDER"]


def _fingerprint(entry: JsonObject) -> bool:
    return entry.get("owned_by") == "vllm"


# /health asks the engine too: the list of models is answered even when that is dead.
PROVIDER = Provider(name="vllm", health_path="/health", fingerprint=_fingerprint)
