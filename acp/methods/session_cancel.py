"""session/cancel: ends the turns of a session, running and queued."""

from __future__ import annotations

from ..agent import Agent
from ..inbound import Inbound
from ..schema import CancelSession, read_params
from ..sent.results import Done

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Done:
    """Cancel what has come so far; too late is no fault, and the next turn is not touched."""
    agent.session(read_params(CancelSession, call.params).session_id).cancel()
    return {}
