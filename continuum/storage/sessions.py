"""Conversations that last: what a store of them offers. Plain arguments, so that any database can serve.

A session is one row that is written over, and turns that are only ever added: what was said stays said. Nobody
here knows what is in a turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

__all__ = ["SessionRow", "Sessions"]


class SessionRow(NamedTuple):
    """What is known of a session without its turns. updated: milliseconds since the epoch. state: the owner's own."""

    id: str
    cwd: str
    title: str | None
    updated: int
    state: bytes


class Sessions(Protocol):
    """A store. Every call that waits may raise fault.StorageFault; what it then asked for has not been done."""

    def post(self, row: SessionRow, turns: Sequence[bytes] = ()) -> None:
        """Write the row, and add the turns behind those there are: another process may have added some too. Done soon
        and in order, whether somebody waits or not. A fault is logged.
        """
        ...

    async def settle(self) -> None:
        """Wait until all that was posted is durable, or has failed."""
        ...

    async def load(self, ident: str) -> tuple[SessionRow, list[bytes]] | None:
        """The row and every turn in order; None where there is no such session."""
        ...

    async def copy(self, ident: str, row: SessionRow) -> bool:
        """Make `row` a session with the turns of the session `ident`; False where that is not there."""
        ...

    async def page(self, *, cwd: str | None, after: tuple[int, str] | None, limit: int) -> list[SessionRow]:
        """Sessions that have turns, the last updated first. cwd: only those of that folder. after: (updated, id) of
        the last one that was seen.
        """
        ...

    async def delete(self, ident: str) -> bool:
        """Forget a session; False where there was none."""
        ...
