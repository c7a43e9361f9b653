"""Ollama. Source: its API documentation: calls through the OpenAI-compatible /v1, models from its own /api/tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum.providers.base import Loopback, Provider
from continuum.providers.listing import ModelInfo, is_model_id, read_entries, seconds_of

if TYPE_CHECKING:
    from continuum.dialects.raw import JsonObject

__all__ = ["PROVIDER"]

_OWNER = "library"
"""Who owns a model pulled from Ollama's own registry, as its /v1/models says."""


def _fingerprint(entry: JsonObject) -> bool:
    return entry.get("owned_by") == _OWNER


def _read_models(body: bytes) -> list[ModelInfo]:
    found: list[ModelInfo] = []
    for entry in read_entries(body, "models"):
        name = entry.get("model") or entry.get("name")
        if is_model_id(name):
            found.append(ModelInfo(name, _OWNER, seconds_of(entry.get("modified_at"))))
    return found


PROVIDER = Provider(
    name="ollama",
    default_url="http://127.0.0.1:11434",
    models_path="/api/tags",
    health_path="/api/tags",
    read_models=_read_models,
    fingerprint=_fingerprint,
    loopback=(Loopback(title="Ollama", port=11434, owner=_OWNER),),
)
