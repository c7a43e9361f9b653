"""What the stores of keys and of sessions are held to alike: files that cannot serve, and writers that are killed."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Unfit(NamedTuple):
    """A file that is no store of ours. told: what is said of it."""

    path: Path
    told: str


def _no_database(path: Path) -> None:
    path.write_bytes(b"not a database, but somebody's letters " * 100)


def _of_the_future(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


UNFIT: dict[str, tuple[Callable[[Path], None], str]] = {
    "no database": (_no_database, "not a database"),
    "of the future": (_of_the_future, "newer release"),
    "a folder": (Path.mkdir, "directory"),
}
"""How each is made, and what is said of it."""


def killed(program: str, path: Path, steps: int) -> int:
    """Run a program that writes to a store at the path and prints a number for each step that was acknowledged; kill
    it after so many. The last number. Blocking.
    """
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(steps)]
        child.send_signal(signal.SIGKILL)
        told += [int(line) for line in child.stdout if line.endswith(b"\n")]
    return told[-1]
