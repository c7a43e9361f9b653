"""$/cancel_request: ends one request, whichever it is."""

from __future__ import annotations

from ..agent import Agent
from ..inbound import Inbound
from ..jsonrpc import JsonObject

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> JsonObject:
    """Cancel the request of that id; it is answered all the same."""
    ident = call.params.get("requestId") if isinstance(call.params, dict) else None
    if isinstance(ident, str) or (isinstance(ident, int) and not isinstance(ident, bool)):
        agent.in_flight.cancel(ident)
    return {}
