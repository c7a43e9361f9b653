"""providers/disable: no more calls to a backend; it stays in the list."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..inbound import Inbound
from ..providers import disabled, lend
from ..schema import DisableProvider, read_params
from ..sent.results import Done

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[Done]:
    """Done also where there is no such provider."""
    return _disable(agent, read_params(DisableProvider, call.params))


async def _disable(agent: Agent, params: DisableProvider) -> Done:
    table = await agent.sessions()
    backend = disabled(table.host.config.backends, params.provider_id)
    if backend is not None:
        await lend(agent, table, backend)
    return {}
