"""initialize: the handshake, in plain dicts and independent of the configuration, so that it costs nothing."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from continuum.version import VERSION

from ..jsonrpc import INVALID_PARAMS, JsonObject, RpcError, is_object

if TYPE_CHECKING:
    from ..agent import Agent
    from ..inbound import Inbound
    from ..sent.results import AgentCapabilities, AuthMethod, Initialized, McpTransports, SessionCapabilities
    from ..session import Settings

__all__ = ["PROTOCOL_VERSION", "answer", "capabilities_of", "handle"]

PROTOCOL_VERSION: Final = 1

_MCP: Final[McpTransports] = {"http": True, "sse": True}
# Without what goes with loadSession.
_SESSIONS: Final[SessionCapabilities] = {"close": {}, "delete": {}, "fork": {}, "additionalDirectories": {}}
# Says what is there, nothing more. `mcp` is the flat form that older clients read.
_CAPABILITIES: Final[AgentCapabilities] = {
    "loadSession": True,
    "promptCapabilities": {"image": True, "audio": False, "embeddedContext": True},
    "mcpCapabilities": _MCP,
    "mcp": _MCP,
    "sessionCapabilities": {**_SESSIONS, "list": {}, "resume": {}},
    "auth": {"logout": {}},
    "providers": {},
}

# No session needs it: a client that does not offer it can go on at once.
_SETUP: Final[AuthMethod] = {
    "id": "setup",
    "name": "Set up Continuum",
    "description": "Looks at what this machine has and writes continuum.yaml",
    "type": "terminal",
    "args": ["config", "init"],
}

_FLAT_FS: Final = ("readTextFile", "writeTextFile")


def answer(params: object) -> Initialized:
    """Version 1 whatever integer is asked: the client decides whether it can live with that. RpcError: none was."""
    wanted = params.get("protocolVersion") if is_object(params) else None
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise RpcError(INVALID_PARAMS, "Invalid params: protocolVersion must be an integer")
    return {
        "protocolVersion": PROTOCOL_VERSION,
        "agentCapabilities": _CAPABILITIES,
        "agentInfo": {"name": "continuum", "title": "Continuum", "version": VERSION},
        "authMethods": [_SETUP] if _runs_terminal_methods(capabilities_of(params)) else [],
    }


def capabilities_of(params: object) -> JsonObject:
    """What the client says it can do, in the standard nested form; flat `readTextFile` and its like are moved there."""
    capabilities = params.get("clientCapabilities") if is_object(params) else None
    if not is_object(capabilities):
        return {}
    flat = {name: capabilities[name] for name in _FLAT_FS if name in capabilities}
    if not flat:
        return capabilities
    nested = capabilities.get("fs")
    return {**capabilities, "fs": {**flat, **(nested if is_object(nested) else {})}}


def _runs_terminal_methods(capabilities: JsonObject) -> bool:
    """By the standard field, or by the older one that some clients and the registry's check still send."""
    auth, meta = capabilities.get("auth"), capabilities.get("_meta")
    standard = is_object(auth) and auth.get("terminal") is True
    return standard or (is_object(meta) and meta.get("terminal-auth") is True)


def handle(agent: Agent, call: Inbound) -> Initialized | Awaitable[Initialized]:
    """The handshake, where it was not the first line (greeting.py), waits for the configuration, or comes again."""
    answered = answer(call.params)
    call.ahead = not agent.initialized.is_set()
    agent.greeted(capabilities_of(call.params))
    return _as_configured(agent, answered) if agent.deferred else answered


async def _as_configured(agent: Agent, answered: Initialized) -> Initialized:
    settings = await agent.settings()
    return {**answered, "agentCapabilities": _allowed(settings)} if settings else answered


def _allowed(settings: Settings) -> AgentCapabilities:
    """Of what there is, what acp.capabilities leaves."""
    allowed = _CAPABILITIES.copy()
    if not settings.mcp:
        allowed["mcp"] = allowed["mcpCapabilities"] = {"http": False, "sse": False}
    if not settings.load_session:
        allowed["loadSession"] = False
        allowed["sessionCapabilities"] = _SESSIONS
    return allowed
