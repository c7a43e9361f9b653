"""Vendor knowledge, one file each: the table of providers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from continuum.providers import generic, llamacpp, openai
from continuum.providers.base import Endpoint, Headers, Loopback, ModelInfo, Provider, Variables

__all__ = ["DEFAULT", "PROVIDERS", "Endpoint", "Headers", "Loopback", "ModelInfo", "Provider", "Variables"]

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {row.name: row for row in (openai.PROVIDER, llamacpp.PROVIDER, generic.PROVIDER)}
)

DEFAULT = generic.PROVIDER
"""What a backend is when its type is not given."""
