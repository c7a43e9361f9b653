"""session/delete: the conversation is forgotten, in memory and in the store."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..inbound import Inbound
from ..schema import NamedSession, read_params
from ..sent.results import Done

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[Done]:
    """One that is not there (any more) is deleted all the same."""
    return _delete(agent, read_params(NamedSession, call.params).session_id)


async def _delete(agent: Agent, ident: str) -> Done:
    table = await agent.sessions()
    await table.delete(ident)
    return {}
