"""vLLM. Source: its OpenAI-compatible server; each entry of its list of models has its max_model_len."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum.providers.base import Loopback, Provider

if TYPE_CHECKING:
    from continuum.dialects.raw import JsonObject

__all__ = ["PROVIDER"]


_OWNER = "vllm"


def _fingerprint(entry: JsonObject) -> bool:
    return entry.get("owned_by") == _OWNER


# /health asks the engine too: the list of models is answered even when that is dead.
PROVIDER = Provider(
    name="vllm",
    health_path="/health",
    fingerprint=_fingerprint,
    loopback=(Loopback(title="vLLM", port=8000, owner=_OWNER),),
)
