"""The client's requests that are being worked on, by id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import trio

from .jsonrpc import RequestId

__all__ = ["MAX_IN_FLIGHT", "InFlight", "Inbound"]

MAX_IN_FLIGHT: Final = 1024


class Inbound:
    """One message to a handler.

    Its work runs inside `scope`, whoever cancels that: the request's own $/cancel_request, its session's cancel,
    or the process's end. A cancelled request is answered with `if_cancelled`, else with error -32800.
    ahead: nothing is told to the client before this is answered. afterwards: what it is to be told right behind the
    answer, where there was one.
    """

    def __init__(self, ident: RequestId, params: Any) -> None:
        self.id = ident
        self.params = params
        self.scope = trio.CancelScope()
        self.ahead = False
        self.if_cancelled: Mapping[str, object] | None = None
        self.afterwards: Callable[[], Awaitable[None]] | None = None


class InFlight:
    """The table of them."""

    def __init__(self) -> None:
        self._calls: dict[RequestId, Inbound] = {}
        self._waiting = trio.lowlevel.ParkingLot()

    def __contains__(self, ident: RequestId) -> bool:
        return ident in self._calls

    @property
    def full(self) -> bool:
        """Whether the client has asked for more at once than anyone means to."""
        return len(self._calls) >= MAX_IN_FLIGHT

    def add(self, call: Inbound) -> None:
        """Work on `call` begins."""
        self._calls[call.id] = call

    def remove(self, call: Inbound) -> None:
        """Work on `call` is over."""
        del self._calls[call.id]
        if not self._calls:
            self._waiting.unpark_all()

    def cancel(self, ident: RequestId) -> None:
        """Cancel one; nothing when it has already been answered."""
        if ident in self._calls:
            self._calls[ident].scope.cancel()

    def cancel_all(self) -> None:
        """Cancel each."""
        for call in self._calls.values():
            call.scope.cancel()

    async def wait_empty(self) -> None:
        """Wait until there are none."""
        while self._calls:
            await self._waiting.park()
