"""session/resume: opens a stored conversation whose past the client shows itself, or not at all."""

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
    return _resume(agent, call, params.session_id, places_of(params))


async def _resume(agent: Agent, call: Inbound, ident: str, places: Places) -> JsonObject:
    table = await earlier_sessions(agent)
    session, _ = await table.load(ident, places)
    announced(agent, call, session)
    return picked(session)
