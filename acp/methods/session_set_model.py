"""session/set_model: taken out of the protocol, and still sent by some clients."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..config_options import MODEL
from ..inbound import Inbound
from ..picking import pick
from ..schema import SetModel, read_params
from ..sent.results import Done

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[Done]:
    """The same as the config option."""
    params = read_params(SetModel, call.params)
    return pick(agent, params.session_id, MODEL, params.model_id)
