"""session/set_config_option: the user picks in one of the session's selectors."""

from __future__ import annotations

from ..agent import Agent
from ..config_options import config_options, set_config_option
from ..inbound import Inbound
from ..jsonrpc import JsonObject
from ..schema import SetConfigOption, read_params

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> JsonObject:
    """Set it for the turns to come; the answer is every option's full state."""
    params = read_params(SetConfigOption, call.params)
    session = agent.session(params.session_id)
    set_config_option(session, params.config_id, params.value)
    return {"configOptions": config_options(session)}
