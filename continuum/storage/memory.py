"""Stores that live as long as the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import trio

from continuum.storage.keys import KeyRow
from continuum.storage.sessions import SessionRow

__all__ = ["MemoryKeys", "MemorySessions"]


class MemorySessions:
    """A store in two dicts (see sessions.Sessions)."""

    def __init__(self) -> None:
        self._rows: dict[str, SessionRow] = {}
        self._turns: dict[str, list[bytes]] = {}

    def post(self, row: SessionRow, turns: Sequence[bytes] = ()) -> None:
        self._rows[row.id] = row
        self._turns.setdefault(row.id, []).extend(turns)

    async def settle(self) -> None:
        await trio.lowlevel.checkpoint()

    async def load(self, ident: str) -> tuple[SessionRow, list[bytes]] | None:
        await trio.lowlevel.checkpoint()
        row = self._rows.get(ident)
        return None if row is None else (row, list(self._turns[ident]))

    async def copy(self, ident: str, row: SessionRow) -> bool:
        await trio.lowlevel.checkpoint()
        if ident not in self._rows:
            return False
        self._rows[row.id] = row
        self._turns[row.id] = list(self._turns[ident])
        return True

    async def page(self, *, cwd: str | None, after: tuple[int, str] | None, limit: int) -> list[SessionRow]:
        await trio.lowlevel.checkpoint()
        rows = [row for row in self._rows.values() if self._turns[row.id] and cwd in (None, row.cwd)]
        rows.sort(key=lambda row: (row.updated, row.id), reverse=True)
        return [row for row in rows if after is None or (row.updated, row.id) < after][:limit]

    async def delete(self, ident: str) -> bool:
        await trio.lowlevel.checkpoint()
        self._turns.pop(ident, None)
        return self._rows.pop(ident, None) is not None


class MemoryKeys:
    """A store in a dict (see keys.Keys)."""

    def __init__(self) -> None:
        self._rows: dict[str, KeyRow] = {}

    async def load(self) -> Sequence[KeyRow]:
        await trio.lowlevel.checkpoint()
        return list(self._rows.values())

    async def stale(self) -> bool:
        await trio.lowlevel.checkpoint()
        return False

    async def put(self, row: KeyRow) -> None:
        await trio.lowlevel.checkpoint()
        self._rows[row.id] = row

    async def delete(self, ident: str) -> bool:
        await trio.lowlevel.checkpoint()
        return self._rows.pop(ident, None) is not None

    async def note_uses(self, uses: Mapping[str, int]) -> None:
        await trio.lowlevel.checkpoint()
        for ident, used in uses.items():
            if (row := self._rows.get(ident)) is not None:
                self._rows[ident] = row._replace(used=max(row.used or 0, used))

    def close(self) -> None:
        pass
