"""What the methods that open a session have in common: where it is, and what the client hears behind the answer."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import PurePath
from typing import TYPE_CHECKING, cast

from .commands import available_commands
from .config_options import picked
from .equipment import equip
from .jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND, RpcError
from .schema import OpenSession, read_params
from .sessions import Places, SessionTable

if TYPE_CHECKING:
    from .agent import Agent
    from .inbound import Inbound
    from .schema import NewSession
    from .sent.results import Picked
    from .sent.updates import Update
    from .session import Session

__all__ = ["announced", "earlier_sessions", "places_of", "reopened"]


async def earlier_sessions(agent: Agent) -> SessionTable:
    """The sessions, for a method that goes back to earlier ones. RpcError -32601: the configuration forbids that."""
    table = await agent.sessions()
    if not table.settings.load_session:
        raise RpcError(METHOD_NOT_FOUND, "Method not found: acp.capabilities.load_session is false")
    return table


def places_of(params: NewSession) -> Places:
    """Where the session is to be. RpcError -32602: a path that depends on where we are."""
    for field, paths in (("cwd", [params.cwd]), ("additionalDirectories", params.additional_directories or [])):
        if not all(PurePath(path).is_absolute() for path in paths):
            raise RpcError(INVALID_PARAMS, f"Invalid params: {field} must be absolute")
    return Places(params.cwd, params.additional_directories or [], params.mcp_servers or [])


def reopened(agent: Agent, call: Inbound, *, show_again: bool) -> Awaitable[Picked]:
    """session/load and session/resume: judge the params now, open when there is an instance."""
    params = read_params(OpenSession, call.params)
    return _reopened(agent, call, params.session_id, places_of(params), show_again=show_again)


async def _reopened(agent: Agent, call: Inbound, ident: str, places: Places, *, show_again: bool) -> Picked:
    table = await earlier_sessions(agent)
    session, turns = await table.load(ident, places)
    for turn in turns if show_again else ():
        for update in turn.updates:
            await agent.client.update(session.id, cast("Update", update))  # as it was sent then
    announced(agent, call, session)
    return picked(session)


def announced(agent: Agent, call: Inbound, session: Session) -> None:
    """Have the client told of the commands behind the answer: some clients stall on an update that precedes it.

    What the session needs, MCP servers among it, is made ready meanwhile.
    """
    session.nursery.start_soon(equip, session, agent.client)

    async def announce() -> None:
        await agent.client.update(session.id, available_commands())

    call.afterwards = announce
