"""initialize: the handshake, in plain dicts and independent of the configuration, so that it costs nothing."""

from __future__ import annotations

from typing import Final

from continuum.version import VERSION

from ..agent import Agent
from ..inbound import Inbound
from ..jsonrpc import INVALID_PARAMS, JsonObject, RpcError, is_object

__all__ = ["PROTOCOL_VERSION", "handle"]

PROTOCOL_VERSION: Final = 1

# Says what is there, nothing more.
_CAPABILITIES: Final[JsonObject] = {
    "loadSession": False,
    "promptCapabilities": {"image": True, "audio": False, "embeddedContext": True},
    "mcpCapabilities": {"http": False, "sse": False},
    "sessionCapabilities": {},
}


def handle(agent: Agent, call: Inbound) -> JsonObject:
    """Version 1 whatever integer is asked: the client decides whether it can live with that."""
    params: JsonObject = call.params if is_object(call.params) else {}
    wanted = params.get("protocolVersion")
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise RpcError(INVALID_PARAMS, "Invalid params: protocolVersion must be an integer")
    capabilities = params.get("clientCapabilities")
    agent.client_capabilities = capabilities if is_object(capabilities) else {}
    agent.initialized.set()
    return {
        "protocolVersion": PROTOCOL_VERSION,
        "agentCapabilities": _CAPABILITIES,
        "agentInfo": {"name": "continuum", "title": "Continuum", "version": VERSION},
        "authMethods": [],
    }
