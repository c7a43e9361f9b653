"""session/new: opens a conversation."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..config_options import picked
from ..inbound import Inbound
from ..opening import announced, places_of
from ..schema import NewSession, read_params
from ..sent.results import OpenedSession
from ..sessions import Places

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[OpenedSession]:
    """Judge the params now, open when there is an instance."""
    return _open(agent, call, places_of(read_params(NewSession, call.params)))


async def _open(agent: Agent, call: Inbound, places: Places) -> OpenedSession:
    table = await agent.sessions()
    session = table.open(places)
    announced(agent, call, session)
    return {"sessionId": session.id, **picked(session)}
