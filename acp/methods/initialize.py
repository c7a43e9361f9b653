"""initialize: the handshake, in plain dicts and independent of the configuration, so that it costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from continuum.version import VERSION

from ..jsonrpc import INVALID_PARAMS, JsonObject, RpcError, is_object

if TYPE_CHECKING:
    from ..agent import Agent
    from ..inbound import Inbound

__all__ = ["PROTOCOL_VERSION", "answer", "capabilities_of", "handle"]

PROTOCOL_VERSION: Final = 1

# Says what is there, nothing more.
_CAPABILITIES: Final[JsonObject] = {
    "loadSession": False,
    "promptCapabilities": {"image": True, "audio": False, "embeddedContext": True},
    "mcpCapabilities": {"http": False, "sse": False},
    "sessionCapabilities": {},
}


def answer(params: object) -> JsonObject:
    """Version 1 whatever integer is asked: the client decides whether it can live with that. RpcError: none was."""
    wanted = params.get("protocolVersion") if is_object(params) else None
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise RpcError(INVALID_PARAMS, "Invalid params: protocolVersion must be an integer")
    return {
        "protocolVersion": PROTOCOL_VERSION,
        "agentCapabilities": _CAPABILITIES,
        "agentInfo": {"name": "continuum", "title": "Continuum", "version": VERSION},
        "authMethods": [],
    }


def capabilities_of(params: object) -> JsonObject:
    """What the client says it can do."""
    capabilities = params.get("clientCapabilities") if is_object(params) else None
    return capabilities if is_object(capabilities) else {}


def handle(agent: Agent, call: Inbound) -> JsonObject:
    """The handshake, where it was not the first line (greeting.py) or comes again."""
    answered = answer(call.params)
    agent.greeted(capabilities_of(call.params))
    return answered
