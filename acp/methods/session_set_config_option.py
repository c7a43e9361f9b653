"""session/set_config_option: the user picks in one of the session's selectors."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..config_options import config_options, set_config_option
from ..inbound import Inbound
from ..jsonrpc import JsonObject
from ..schema import SetConfigOption, read_params
from ..session import Session

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[JsonObject]:
    """Set it for the turns to come; the answer is every option's full state."""
    params = read_params(SetConfigOption, call.params)
    return _set(agent, agent.session(params.session_id), params)


async def _set(agent: Agent, session: Session, params: SetConfigOption) -> JsonObject:
    table = await agent.sessions()
    set_config_option(table, session, params.config_id, params.value)
    return {"configOptions": config_options(table, session)}
