"""A SQLite file of ours: opened for its owner only, durable at each commit, never one of a newer release. Blocking."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from continuum.storage.private import sync_folder

__all__ = ["connect", "reason"]

_BUSY: Final = 2.0  # seconds that a transaction of another process is waited for


def connect(path: Path, *, tables: str, version: int) -> sqlite3.Connection:
    """The database in that file, made where there is none. tables: statements that make what is not there yet. version:
    of the format. Raises sqlite3.Error, OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = not path.exists()
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # SQLite's other files take its mode
    if new:
        sync_folder(path.parent)
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        _check(connection, version)
        with suppress(sqlite3.OperationalError):  # a file system without shared memory: slower, and right all the same
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement in tables.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, ours: int) -> None:
    """Before anything is changed in it."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > ours:
        raise sqlite3.DatabaseError(f"written by a newer release (format {version}); update this one")


def reason(error: sqlite3.Error | OSError | UnicodeError) -> str:
    """Why something failed, without any content."""
    if isinstance(error, UnicodeError):
        return "text that is not Unicode"
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
