"""Azure OpenAI. Source: its REST API reference: the deployment stands in the path, the API's version in the query.

A deployment is what is called: a model without an entry in `deployments` is taken for its deployment's own name.
"""

from __future__ import annotations

from urllib.parse import quote

from continuum.providers.base import Endpoint, Headers, Provider, Variables, paths_under

__all__ = ["PROVIDER"]

_VERSION = "2024-10-21"
"""The version that is generally available, where the configuration names none."""

# The list of models names what could be deployed. What is deployed is told by this version only.
_DEPLOYMENTS = "/openai/deployments?api-version=2023-03-15-preview"


def _auth_headers(key: str) -> Headers:
    return [(b"api-key", key.encode("latin-1"))]


def _target(path: str, model: str, endpoint: Endpoint) -> str:
    deployment = quote(endpoint.deployments.get(model, model), safe="")
    version = quote(endpoint.api_version or _VERSION, safe="")
    return f"/openai/deployments/{deployment}{path}?api-version={version}"


PROVIDER = Provider(
    name="azure",
    paths=paths_under(""),
    models_path=_DEPLOYMENTS,
    health_path=f"/openai/models?api-version={_VERSION}",
    target=_target,
    auth_headers=_auth_headers,
    variables=(
        Variables(
            key="AZURE_OPENAI_API_KEY",
            urls=("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_BASE_URL"),
            more={"api_version": "OPENAI_API_VERSION"},
        ),
    ),
)
