"""Anthropic, through its OpenAI-compatible endpoint. Sources: "OpenAI SDK compatibility" and the Models API.

Only chat is compatible: the list of models is Anthropic's own, with its own credential and version headers.
"""

from __future__ import annotations

from continuum.chat import Operation
from continuum.providers.base import Headers, Provider, Variables, paths_under
from continuum.providers.listing import ModelInfo, is_model_id, read_entries, seconds_of

__all__ = ["PROVIDER"]

_VERSION = (b"anthropic-version", b"2023-06-01")
_OWNER = "anthropic"


def _look_headers(key: str) -> Headers:
    return [(b"x-api-key", key.encode("latin-1")), _VERSION]


def _read_models(body: bytes) -> list[ModelInfo]:
    entries = [(entry.get("id"), entry.get("created_at")) for entry in read_entries(body)]
    return [ModelInfo(id_, _OWNER, seconds_of(created)) for id_, created in entries if is_model_id(id_)]


PROVIDER = Provider(
    name="anthropic",
    default_url="https://api.anthropic.com",
    paths=paths_under("/v1", {Operation.CHAT}),
    models_path="/v1/models?limit=1000",
    health_path="/v1/models?limit=1",
    look_headers=_look_headers,
    read_models=_read_models,
    overflow=("prompt is too long",),
    variables=(Variables(key="ANTHROPIC_API_KEY", urls=("ANTHROPIC_BASE_URL",)),),
)
