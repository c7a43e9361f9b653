"""Sessions in one SQLite file, which several processes may have open at once.

All work is done by one writer: what has come while it was busy becomes its next transaction, so a commit (and its
fsync) is shared by whoever waits. SQL and files are touched in threads only.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Final, Generic, TypeVar

import trio

from continuum.storage.database import connect, reason
from continuum.storage.fault import StorageFault
from continuum.storage.sessions import SessionRow

__all__ = ["SqliteSessions"]

T = TypeVar("T")
_log: Final = logging.getLogger("continuum.storage")

_VERSION: Final = 1
_EMPTY_FOR: Final = 24 * 60 * 60 * 1000  # milliseconds after which a session without turns is forgotten

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, cwd TEXT NOT NULL, title TEXT, updated INTEGER NOT NULL, turns INTEGER NOT NULL, state BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_updated ON sessions (updated, id);
CREATE TABLE IF NOT EXISTS turns (
    session TEXT NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (session, number)
);
"""
_PUT: Final = """
INSERT INTO sessions (id, cwd, title, updated, turns, state) VALUES (?, ?, ?, ?, 0, ?)
ON CONFLICT (id) DO UPDATE SET cwd = excluded.cwd, title = excluded.title, state = excluded.state,
    updated = max(updated, excluded.updated)
"""
_ADD: Final = """
INSERT INTO turns (session, number, body)
SELECT ?1, coalesce(max(number), 0) + 1, ?2 FROM turns WHERE session = ?1
"""
_COUNT: Final = "UPDATE sessions SET turns = (SELECT count(*) FROM turns WHERE session = ?1) WHERE id = ?1"
_PAGE: Final = """
SELECT id, cwd, title, updated, state FROM sessions
WHERE turns > 0 AND (?1 IS NULL OR cwd = ?1) AND (?2 IS NULL OR (updated, id) < (?2, ?3))
ORDER BY updated DESC, id DESC LIMIT ?4
"""

_Work = Callable[[sqlite3.Connection], T]


class _Job(Generic[T]):
    """One piece of work for the writer, and what became of it."""

    def __init__(self, work: _Work[T], *, awaited: bool) -> None:
        self.work = work
        self.awaited = awaited
        self.done = trio.Event()
        self.fault: str | None = None
        self.result: list[T] = []

    def run(self, connection: sqlite3.Connection) -> None:
        self.result = [self.work(connection)]


class SqliteSessions:
    """A store in a file (see sessions.Sessions)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._waiting: list[_Job[object]] = []
        self._come = trio.Event()
        self._closing = False

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncGenerator[SqliteSessions]:
        """The store of that file, which is made for its owner only; leaving writes what was posted. StorageFault."""
        try:
            connection = await trio.to_thread.run_sync(partial(connect, path, tables=_TABLES, version=_VERSION))
        except (sqlite3.Error, OSError) as error:
            raise StorageFault(f"{path}: {reason(error)}") from error
        with closing(connection):
            store = cls(connection)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(store._write_forever)
                try:
                    yield store
                finally:
                    store._closing = True
                    store._come.set()

    def post(self, row: SessionRow, turns: Sequence[bytes] = ()) -> None:
        self._give(lambda connection: _save(connection, row, turns), awaited=False)

    async def settle(self) -> None:
        await self._ask(lambda _: None)

    async def load(self, ident: str) -> tuple[SessionRow, list[bytes]] | None:
        return await self._ask(lambda connection: _load(connection, ident))

    async def copy(self, ident: str, row: SessionRow) -> bool:
        return await self._ask(lambda connection: _copy(connection, ident, row))

    async def page(self, *, cwd: str | None, after: tuple[int, str] | None, limit: int) -> list[SessionRow]:
        updated, ident = after or (None, None)
        return await self._ask(
            lambda connection: [SessionRow(*row) for row in connection.execute(_PAGE, (cwd, updated, ident, limit))]
        )

    async def delete(self, ident: str) -> bool:
        return await self._ask(lambda connection: _delete(connection, ident))

    def _give(self, work: _Work[T], *, awaited: bool) -> _Job[T]:
        job = _Job(work, awaited=awaited)
        self._waiting.append(job)  # type: ignore[arg-type]  # nobody puts results in but the job itself
        self._come.set()
        return job

    async def _ask(self, work: _Work[T]) -> T:
        job = self._give(work, awaited=True)
        await job.done.wait()
        if job.fault is not None:
            raise StorageFault(job.fault)
        return job.result[0]

    async def _write_forever(self) -> None:
        with trio.CancelScope(shield=True):  # what was posted is written: a cancelled turn is remembered too
            while self._waiting or not self._closing:
                await self._come.wait()
                self._come = trio.Event()
                if self._closing:
                    self._come.set()
                jobs, self._waiting = self._waiting, []
                await trio.to_thread.run_sync(_transact, self._connection, jobs)
                for job in jobs:
                    job.done.set()
                    if job.fault is not None and not job.awaited:
                        _log.error("a session was not stored: %s", job.fault)


def _transact(connection: sqlite3.Connection, jobs: Sequence[_Job[object]]) -> None:
    """All in one transaction; where that fails each in its own, so that a fault is only its own job's."""
    if not jobs:
        return
    try:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                job.run(connection)
    except (sqlite3.Error, UnicodeError) as error:
        if len(jobs) > 1 and getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            for job in jobs:
                _transact(connection, [job])
            return
        for job in jobs:
            job.fault = reason(error)


def _save(connection: sqlite3.Connection, row: SessionRow, turns: Sequence[bytes]) -> None:
    connection.execute(_PUT, (row.id, row.cwd, row.title, row.updated, row.state))
    for turn in turns:
        connection.execute(_ADD, (row.id, turn))
    if turns:
        connection.execute(_COUNT, (row.id,))
    else:
        connection.execute("DELETE FROM sessions WHERE turns = 0 AND updated < ?", (row.updated - _EMPTY_FOR,))


def _load(connection: sqlite3.Connection, ident: str) -> tuple[SessionRow, list[bytes]] | None:
    row = connection.execute("SELECT id, cwd, title, updated, state FROM sessions WHERE id = ?", (ident,)).fetchone()
    if row is None:
        return None
    turns = connection.execute("SELECT body FROM turns WHERE session = ? ORDER BY number", (ident,))
    return SessionRow(*row), [turn for (turn,) in turns]


def _copy(connection: sqlite3.Connection, ident: str, row: SessionRow) -> bool:
    if connection.execute("SELECT 1 FROM sessions WHERE id = ?", (ident,)).fetchone() is None:
        return False
    connection.execute(_PUT, (row.id, row.cwd, row.title, row.updated, row.state))
    connection.execute(
        "INSERT INTO turns (session, number, body) SELECT ?, number, body FROM turns WHERE session = ?", (row.id, ident)
    )
    connection.execute(_COUNT, (row.id,))
    return True


def _delete(connection: sqlite3.Connection, ident: str) -> bool:
    connection.execute("DELETE FROM turns WHERE session = ?", (ident,))
    return connection.execute("DELETE FROM sessions WHERE id = ?", (ident,)).rowcount > 0
