"""providers/list: the backends and where their calls go, without a secret."""

from __future__ import annotations

from ..agent import Agent
from ..inbound import Inbound
from ..providers import providers
from ..sent.results import LlmProviders

__all__ = ["handle"]


async def handle(agent: Agent, call: Inbound) -> LlmProviders:  # noqa: ARG001 - a handler's signature
    """Those of the configuration in force, and one that a client may make."""
    table = await agent.sessions()
    return {"providers": providers(table.host.config.backends)}
