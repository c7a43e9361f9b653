"""session/close: the conversation leaves memory and stays in the store."""

from __future__ import annotations

from ..agent import Agent
from ..inbound import Inbound
from ..schema import NamedSession, read_params
from ..sent.results import Done

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Done:
    """A turn that runs in it ends as cancelled."""
    table, session = agent.opened(read_params(NamedSession, call.params).session_id)
    table.close(session.id)
    return {}
