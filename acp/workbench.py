"""What a session's tools share: its roots and files, what the user settled, what the model has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .client import Client
from .permissions import Grants
from .servers import Servers
from .tools.files import Files
from .tools.paths import Roots

if TYPE_CHECKING:
    from continuum.config.sections.acp import Tools

__all__ = ["Workbench"]


class Workbench:
    """Made at a session's first turn. toolless: models that turned out to take no tools."""

    def __init__(self, client: Client, session_id: str, roots: Roots, tools: Tools, servers: Servers) -> None:
        self.client = client
        self.session_id = session_id
        self.roots = roots
        self.tools = tools
        self.servers = servers
        self.files = Files(client, session_id)
        self.grants = Grants()
        self.toolless: set[str] = set()
