"""Project instructions: the AGENTS.md files from a session's folder up to its repository's root."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["MAX_BYTES", "Instructions", "read_instructions"]

NAME: Final = "AGENTS.md"
MAX_BYTES: Final = 32 * 1024
"""Of each file; what is over is left out."""
_MAX_DEPTH: Final = 64


class Instructions(NamedTuple):
    """One file as it goes into the system prompt. cut: it was longer."""

    path: str
    text: str
    cut: bool


def read_instructions(cwd: str) -> list[Instructions]:
    """The files there are, the root's first: what is nearer counts more. Outside a repository only the folder's own.
    Blocking, and small.
    """
    folders = [Path(cwd), *Path(cwd).parents][:_MAX_DEPTH]
    root = next((place for place, folder in enumerate(folders) if (folder / ".git").exists()), 0)
    found = (_read(folder / NAME) for folder in reversed(folders[: root + 1]))
    return [each for each in found if each is not None]


def _read(path: Path) -> Instructions | None:
    """A regular file's beginning; a pipe or a device that bears the name is no instruction."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        data = os.read(fd, MAX_BYTES + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
    text = data[:MAX_BYTES].decode("utf-8", "ignore").strip()
    return Instructions(str(path), text, len(data) > MAX_BYTES) if text else None
