"""session/fork: a new conversation that begins as another one stands."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..config_options import picked
from ..inbound import Inbound
from ..opening import announced, places_of
from ..schema import OpenSession, read_params
from ..sent.results import OpenedSession
from ..sessions import Places

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[OpenedSession]:
    """Judge the params now, open when there is an instance."""
    params = read_params(OpenSession, call.params)
    return _fork(agent, call, params.session_id, places_of(params))


async def _fork(agent: Agent, call: Inbound, ident: str, places: Places) -> OpenedSession:
    table = await agent.sessions()
    session = await table.fork(ident, places)
    announced(agent, call, session)
    return {"sessionId": session.id, **picked(session)}
