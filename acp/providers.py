"""The backends as the protocol's unstable `providers/*` see them: a client may send a backend's calls elsewhere, for
as long as the process lives. No secret is shown, and none of the configuration goes where a client points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from continuum.config import BackendConfig, from_mapping
from continuum.errors import ConfigError
from continuum.providers import DEFAULT, PROVIDERS

from .config_options import tell_choices
from .jsonrpc import INVALID_PARAMS, RpcError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .agent import Agent
    from .schema import SetProvider
    from .sent.results import LlmProvider
    from .sessions import SessionTable

__all__ = ["disabled", "lend", "providers", "redirected"]

GATEWAY: Final = "gateway"
"""A provider that is there without being configured, so that a client can give an agent its only backend."""

_OPENAI: Final = "openai"
_TYPES: Final = {_OPENAI: DEFAULT.name, "azure": "azure"}
"""The backend's type by the protocol that a client names. Vendors without a row are spoken to in OpenAI's."""

_KEPT: Final = ("api_version", "deployments", "max_in_flight", "models", "retry_override", "weight")
"""Of a backend that is sent elsewhere: what it serves and how it is burdened. Its keys and headers are not."""

_FIELDS: Final = {"url": "baseUrl", "headers": "headers"}


def providers(backends: Sequence[BackendConfig]) -> list[LlmProvider]:
    """Every backend, those that are disabled too."""
    listed = [_shown(each) for each in backends]
    if all(each.name != GATEWAY for each in backends):
        listed.append({"providerId": GATEWAY, "supported": list(_TYPES), "required": False})
    return listed


def _shown(backend: BackendConfig) -> LlmProvider:
    shown: LlmProvider = {"providerId": backend.name, "supported": list(_TYPES), "required": False}
    if backend.enabled:
        url = backend.url or PROVIDERS[backend.type].default_url or ""
        shown["current"] = {"apiType": backend.type if backend.type in _TYPES else _OPENAI, "baseUrl": url}
    return shown


def redirected(backends: Sequence[BackendConfig], wanted: SetProvider) -> BackendConfig:
    """The backend as a client wants it. RpcError -32602: there is no such provider, or it cannot be like that."""
    known = {each.name: each for each in backends}
    if wanted.provider_id not in known and wanted.provider_id != GATEWAY:
        raise RpcError(INVALID_PARAMS, f"Invalid params: providerId: no provider {wanted.provider_id[:256]!r}")
    if wanted.api_type not in _TYPES:
        raise RpcError(INVALID_PARAMS, f"Invalid params: apiType: must be one of {', '.join(_TYPES)}")
    made = _judged(wanted)
    old = known.get(made.name)
    return made.model_copy(update={name: getattr(old, name) for name in _KEPT}) if old else made


def _judged(wanted: SetProvider) -> BackendConfig:
    """By the rules that the configuration's own backends are held to; `${VAR}` in it is plain text."""
    data = {
        "name": wanted.provider_id,
        "type": _TYPES[wanted.api_type],
        "url": wanted.base_url,
        "headers": wanted.headers or {},
    }
    try:
        return from_mapping({"backends": [data]}).backends[0]
    except ConfigError as fault:
        told = [_told(problem.key, problem.rule) for problem in fault.problems]
        raise RpcError(INVALID_PARAMS, f"Invalid params: {'; '.join(told)}") from fault


def _told(key: str, rule: str) -> str:
    field, _, rest = key.removeprefix("backends.0.").partition(".")
    return f"{_FIELDS.get(field, field)}{'.' if rest else ''}{rest}: {rule}"


def disabled(backends: Sequence[BackendConfig], ident: str) -> BackendConfig | None:
    """The backend without calls; None where nothing is to be done: what nobody knows is disabled already."""
    found = next((each for each in backends if each.name == ident and each.enabled), None)
    return found and found.model_copy(update={"enabled": False})


async def lend(agent: Agent, table: SessionTable, backend: BackendConfig) -> None:
    """Put it in force, from the next call of every session on, and tell what can be chosen now. RpcError: it cannot."""
    try:
        await table.host.lend(backend)
    except ConfigError as fault:
        raise RpcError(INVALID_PARAMS, f"Invalid params: {fault.message}") from fault
    for session in table.awake:
        await tell_choices(agent.client, session, mode=False)
