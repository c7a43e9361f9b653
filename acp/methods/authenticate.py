"""authenticate: nothing here needs the user's credentials, so whatever method a client names is fine."""

from __future__ import annotations

from ..agent import Agent
from ..inbound import Inbound
from ..sent.results import Done

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Done:
    """Accept."""
    del agent, call
    return {}
