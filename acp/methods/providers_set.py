"""providers/set: the client has a backend's calls sent to a gateway of its own."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..inbound import Inbound
from ..jsonrpc import JsonObject
from ..providers import lend, redirected
from ..schema import SetProvider, read_params

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[JsonObject]:
    """From the next call on; a turn that has its answer under way keeps it."""
    return _set(agent, read_params(SetProvider, call.params))


async def _set(agent: Agent, params: SetProvider) -> JsonObject:
    table = await agent.sessions()
    await lend(agent, table, redirected(table.host.config.backends, params))
    return {}
