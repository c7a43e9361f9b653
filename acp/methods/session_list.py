"""session/list: the stored conversations, a page at a time."""

from __future__ import annotations

from collections.abc import Awaitable

from ..agent import Agent
from ..inbound import Inbound
from ..keeping import info_of
from ..opening import earlier_sessions
from ..schema import ListSessions, read_params
from ..sent.results import SessionPage

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[SessionPage]:
    """The last updated come first."""
    return _list(agent, read_params(ListSessions, call.params))


async def _list(agent: Agent, params: ListSessions) -> SessionPage:
    table = await earlier_sessions(agent)
    rows, cursor = await table.page(params.cwd, params.cursor)
    answer: SessionPage = {"sessions": [info_of(row) for row in rows]}
    if cursor is not None:
        answer["nextCursor"] = cursor
    return answer
