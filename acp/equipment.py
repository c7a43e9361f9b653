"""A session's workbench, made when it is first needed and once."""

from __future__ import annotations

import trio

from .client import Client
from .servers import Servers, specs_of
from .session import Session
from .tools.paths import Roots
from .workbench import Workbench

__all__ = ["equip"]


async def equip(session: Session, client: Client) -> Workbench:
    """The session's workbench; its MCP servers are being started."""
    if session.workbench is None:
        roots = await trio.to_thread.run_sync(Roots, session.cwd, session.additional_directories)
        if session.workbench is None:  # a prompt may have come while the first one waited
            settings = session.settings
            specs = specs_of(settings.mcp_servers, session.mcp_servers)
            servers = Servers(specs, session.cwd, allowed=settings.mcp)
            session.workbench = Workbench(client, session.id, roots, settings.tools, servers)
            servers.start(session.nursery, session.ended)
    return session.workbench
