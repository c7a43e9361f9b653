"""session/cancel: ends the turns of a session, running and queued."""

from __future__ import annotations

from ..agent import Agent
from ..inbound import Inbound
from ..jsonrpc import JsonObject
from ..schema import CancelSession, read_params

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> JsonObject:
    """Cancel what has come so far; too late is no fault, and the next turn is not touched."""
    agent.session(read_params(CancelSession, call.params).session_id).cancel()
    return {}
