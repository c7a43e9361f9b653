"""$/cancel_request: ends one request, whichever it is."""

from __future__ import annotations

from ..agent import Agent
from ..inbound import Inbound
from ..jsonrpc import is_id, is_object
from ..sent.results import Done

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Done:
    """Cancel the request of that id; it is answered all the same."""
    ident = call.params.get("requestId") if is_object(call.params) else None
    if ident is not None and is_id(ident):
        agent.in_flight.cancel(ident)
    return {}
