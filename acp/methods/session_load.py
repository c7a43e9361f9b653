"""session/load: opens a stored conversation and shows it again from its beginning."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..config_options import picked
from ..inbound import Inbound
from ..jsonrpc import JsonObject
from ..opening import announced, earlier_sessions, places_of
from ..schema import OpenSession, read_params
from ..sessions import Places

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[JsonObject]:
    """Judge the params now, open when there is an instance."""
    params = read_params(OpenSession, call.params)
    return _load(agent, call, params.session_id, places_of(params))


async def _load(agent: Agent, call: Inbound, ident: str, places: Places) -> JsonObject:
    table = await earlier_sessions(agent)
    session, turns = await table.load(ident, places)
    for turn in turns:
        for update in turn.updates:
            await agent.client.update(session.id, update)
    announced(agent, call, session)
    return picked(session)
