"""OpenAI. Source: its API reference."""

from __future__ import annotations

from continuum.providers.base import Endpoint, Headers, Provider, Variables

__all__ = ["PROVIDER"]


def _organization(endpoint: Endpoint) -> Headers:
    return [(b"openai-organization", endpoint.org_id.encode("latin-1"))] if endpoint.org_id else []


PROVIDER = Provider(
    name="openai",
    default_url="https://api.openai.com",
    extra_headers=_organization,
    variables=(
        Variables(key="OPENAI_API_KEY", urls=("OPENAI_BASE_URL", "OPENAI_API_BASE"), more={"org_id": "OPENAI_ORG_ID"}),
    ),
)
