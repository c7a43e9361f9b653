"""OpenAI. Source: its API reference."""

from __future__ import annotations

from continuum.providers.base import Endpoint, Headers, Provider

__all__ = ["PROVIDER"]


def _organization(endpoint: Endpoint) -> Headers:
    return [(b"openai-organization", endpoint.org_id.encode("latin-1"))] if endpoint.org_id else []


PROVIDER = Provider(name="openai", default_url="https://api.openai.com", extra_headers=_organization)
