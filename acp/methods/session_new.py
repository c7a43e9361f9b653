"""session/new: opens a conversation."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from pathlib import PurePath
from typing import Final

from ..agent import Agent
from ..config_options import config_options
from ..inbound import Inbound
from ..jsonrpc import INVALID_PARAMS, JsonObject, RpcError
from ..schema import NewSession, read_params

__all__ = ["handle"]

_log: Final = logging.getLogger("continuum.acp")


def handle(agent: Agent, call: Inbound) -> Awaitable[JsonObject]:
    """Judge the params now, open when there is an instance."""
    params = read_params(NewSession, call.params)
    for field, paths in (("cwd", [params.cwd]), ("additionalDirectories", params.additional_directories)):
        if not all(PurePath(path).is_absolute() for path in paths):
            raise RpcError(INVALID_PARAMS, f"Invalid params: {field} must be absolute")
    return _open(agent, params)


async def _open(agent: Agent, params: NewSession) -> JsonObject:
    table = await agent.sessions()
    session = table.open(params.cwd, params.additional_directories, params.mcp_servers)
    if params.mcp_servers:
        _log.warning("the session's %d MCP servers are left out: not supported yet", len(params.mcp_servers))
    return {"sessionId": session.id, "configOptions": config_options(session)}
