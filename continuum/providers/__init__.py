"""Vendor knowledge, one file each: the table of providers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from continuum.providers import anthropic, azure, gemini, generic, llamacpp, ollama, openai, vllm
from continuum.providers.base import Endpoint, Headers, Loopback, Provider, Variables
from continuum.providers.listing import ModelInfo, read_entries

__all__ = ["DEFAULT", "PROVIDERS", "Endpoint", "Headers", "Loopback", "ModelInfo", "Provider", "Variables", "detect"]

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        row.name: row
        for row in (
            openai.PROVIDER,
            azure.PROVIDER,
            vllm.PROVIDER,
            ollama.PROVIDER,
            anthropic.PROVIDER,
            gemini.PROVIDER,
            llamacpp.PROVIDER,
            generic.PROVIDER,
        )
    }
)

DEFAULT = generic.PROVIDER
"""What a backend is when its type is not given."""


def detect(models: bytes) -> Provider | None:
    """The kind of server that answers `GET /v1/models` with this body, None when that does not tell.
    Raises UpstreamProtocolError for what is no list.
    """
    entries = read_entries(models)
    return next((row for row in PROVIDERS.values() if any(map(row.fingerprint, entries))), None)
