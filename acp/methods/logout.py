"""logout: nobody is logged in here, so nothing is to be done."""

from __future__ import annotations

from ..agent import Agent
from ..inbound import Inbound
from ..sent.results import Done

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Done:
    """Accept."""
    del agent, call
    return {}
