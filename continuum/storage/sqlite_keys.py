"""Client keys in one SQLite file. It is made with the first key: a router that makes none leaves nothing behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import trio

from continuum.storage.database import connect, reason
from continuum.storage.fault import StorageFault
from continuum.storage.keys import KeyRow

__all__ = ["SqliteKeys"]

T = TypeVar("T")

_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS keys (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, digest BLOB NOT NULL UNIQUE, earlier BLOB, until INTEGER,
    used INTEGER, record BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS changes (number INTEGER NOT NULL);
INSERT INTO changes SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM changes);
"""
_ALL: Final = "SELECT id, digest, earlier, until, used, record FROM keys ORDER BY place"
_PUT: Final = """
INSERT INTO keys (id, digest, earlier, until, used, record) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, earlier = excluded.earlier, until = excluded.until,
    used = excluded.used, record = excluded.record
"""
_USED: Final = "UPDATE keys SET used = max(coalesce(used, 0), ?) WHERE id = ?"
_CHANGES: Final = "SELECT number FROM changes"


class SqliteKeys:
    """A store in a file (see keys.Keys)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._seen: int | None = None

    async def load(self) -> Sequence[KeyRow]:
        if self._connection is None and not await trio.to_thread.run_sync(self._path.exists):
            return []
        return await self._run(self._load)

    async def stale(self) -> bool:
        if self._connection is None:
            return await trio.to_thread.run_sync(self._path.exists)
        return await self._run(lambda connection: _changes(connection) != self._seen)

    async def put(self, row: KeyRow) -> None:
        await self._run(lambda connection: self._change(connection, _PUT, row))

    async def delete(self, ident: str) -> bool:
        return await self._run(lambda connection: self._change(connection, "DELETE FROM keys WHERE id = ?", (ident,)))

    async def note_uses(self, uses: Mapping[str, int]) -> None:
        def note(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_USED, [(used, ident) for ident, used in uses.items()])

        if self._connection is not None:  # else there is no key to be used
            await self._run(note)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            try:
                if self._connection is None:
                    self._connection = connect(self._path, tables=_TABLES, version=_VERSION)
                return work(self._connection)
            except (sqlite3.Error, OSError, UnicodeError) as error:
                raise StorageFault(reason(error)) from None

        return await trio.to_thread.run_sync(run)

    def _load(self, connection: sqlite3.Connection) -> Sequence[KeyRow]:
        with connection:
            connection.execute("BEGIN")
            seen = _changes(connection)
            rows = [KeyRow(*row) for row in connection.execute(_ALL)]
        self._seen = seen
        return rows

    def _change(self, connection: sqlite3.Connection, statement: str, values: Sequence[object]) -> bool:
        """Whether it changed anything. Who has seen all that was there before has seen all after it."""
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            before = _changes(connection)
            changed = connection.execute(statement, values).rowcount > 0
            connection.execute("UPDATE changes SET number = number + 1")
        if self._seen in {before, None}:
            self._seen = before + 1
        return changed


def _changes(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute(_CHANGES).fetchone()
    return int(number)
