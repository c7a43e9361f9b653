"""A choice made by a method that does not answer with the options' state: the client is told of it besides."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from .config_options import set_config_option, tell_choices
from .sent.results import Done

if TYPE_CHECKING:
    from .agent import Agent

__all__ = ["pick"]


def pick(agent: Agent, ident: str, option: str, value: str) -> Awaitable[Done]:
    """Set it for the turns to come, and keep it. RpcError -32602: there is no such value."""
    table, session = agent.opened(ident)
    set_config_option(session, option, value)
    table.keep(session)

    async def tell() -> Done:
        await tell_choices(agent.client, session, mode=False)
        return {}

    return tell()
