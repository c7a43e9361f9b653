"""What every method works on: the client's end, the handshake's outcome, the requests in flight, the sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .client import Client
from .hosting import Hosting
from .inbound import InFlight
from .jsonrpc import NOT_FOUND, JsonObject, RpcError

if TYPE_CHECKING:
    from .session import Session, Settings
    from .sessions import SessionTable

__all__ = ["Agent"]


class Agent:
    """One connection's agent. deferred: `initialize` is answered by the configuration."""

    def __init__(self, client: Client, hosting: Hosting, *, deferred: bool = False) -> None:
        self.client = client
        self.deferred = deferred
        self.in_flight = InFlight()
        self.initialized = trio.Event()
        self._hosting = hosting

    def greeted(self, client_capabilities: JsonObject) -> None:
        """The handshake is done."""
        self.client.capabilities = client_capabilities
        self.initialized.set()

    async def sessions(self) -> SessionTable:
        """The sessions, as soon as there is an instance to serve them. RpcError: there will be none."""
        return await self._hosting.sessions()

    async def settings(self) -> Settings | None:
        """What the configuration says of sessions, as soon as it is read; None where it is faulty."""
        return await self._hosting.settings()

    def session(self, ident: str) -> Session:
        """An open session. RpcError -32002: there is none of that id."""
        return self.opened(ident)[1]

    def opened(self, ident: str) -> tuple[SessionTable, Session]:
        """An open session and the table it is in. RpcError -32002: there is none of that id."""
        table = self._hosting.sessions_if_open
        session = table.find(ident) if table else None
        if table is None or session is None:
            raise RpcError(NOT_FOUND, "Resource not found: no such session", {"sessionId": ident[:256]})
        return table, session
