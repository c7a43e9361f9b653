"""providers/set: the client has a backend's calls sent to a gateway of its own."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..inbound import Inbound
from ..providers import lend, redirected
from ..schema import SetProvider, read_params
from ..sent.results import Done

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[Done]:
    """From the next call on; a turn that has its answer under way keeps it."""
    return _set(agent, read_params(SetProvider, call.params))


async def _set(agent: Agent, params: SetProvider) -> Done:
    table = await agent.sessions()
    await lend(agent, table, redirected(table.host.config.backends, params))
    return {}
