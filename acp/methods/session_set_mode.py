"""session/set_mode: the mode by its older method, for clients without config options."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..config_options import MODE
from ..inbound import Inbound
from ..picking import pick
from ..schema import SetMode, read_params
from ..sent.results import Done

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[Done]:
    """Set it now; a client that has the option too is told of that."""
    params = read_params(SetMode, call.params)
    return pick(agent, params.session_id, MODE, params.mode_id)
