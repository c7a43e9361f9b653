"""Where a session's files may be: paths resolved and judged, then opened so that a swapped link leads nowhere.

Blocking calls: run in threads.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import PurePath
from typing import Final, NamedTuple

from ..sent.updates import Location
from .base import ToolFault

__all__ = ["Roots", "Target", "fault_of", "open_beneath", "parent_of"]

_SPECIAL: Final = ("/proc", "/sys", "/dev")
_WALK: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_REASONS: Final = {
    errno.ENOENT: "no such file or directory",
    errno.EACCES: "permission denied",
    errno.EPERM: "not permitted",
    errno.EISDIR: "it is a directory",
    errno.ENOTDIR: "a part of the path is no directory, or was replaced while it was opened",
    errno.ELOOP: "a symbolic link was put in its place while it was opened",
    errno.ENXIO: "it is not a regular file",
    errno.EEXIST: "it exists already",
    errno.ENOTEMPTY: "the directory is not empty",
    errno.ENOSPC: "the disk is full",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EROFS: "the file system is read-only",
}


class Target(NamedTuple):
    """A place inside the roots. parts: from the root's real path on, none of them a link when it was judged.
    shown: the same place under the name by which the client knows the root.
    """

    root: str
    parts: tuple[str, ...]
    shown: str

    @property
    def real(self) -> str:
        """The real absolute path."""
        return os.path.join(self.root, *self.parts)  # noqa: PTH118 (strings throughout: PurePath drops nothing here)

    @property
    def location(self) -> Location:
        """As a tool call's location."""
        return {"path": self.shown}


def fault_of(error: OSError, shown: str) -> ToolFault:
    """What an operating system's error means for the model."""
    return ToolFault(f"{shown}: {_REASONS.get(error.errno or 0, error.strerror or 'failed')}")


class Roots:
    """The session's directories: its cwd first, then the additional ones."""

    def __init__(self, cwd: str, additional: Sequence[str] = ()) -> None:
        self.cwd = cwd
        self._roots = [(root, os.path.realpath(root)) for root in dict.fromkeys([cwd, *additional])]

    def resolve(self, path: str) -> Target:
        """Where a path really leads, links followed. ToolFault: out of the roots, or into the system's own files."""
        if not path or "\0" in path:
            raise ToolFault("The path is empty" if not path else "The path holds a NUL byte")
        real = os.path.realpath(os.path.join(self.cwd, path))  # noqa: PTH118 (realpath of a str)
        if any(real == special or real.startswith(f"{special}/") for special in _SPECIAL):
            raise ToolFault(f"{path}: refused: devices and the system's own files are out of reach")
        held = [(shown, root) for shown, root in self._roots if _within(real, root)]
        if not held:
            raise ToolFault(f"{path}: refused: it is outside of {', '.join(shown for shown, _ in self._roots)}")
        shown, root = max(held, key=lambda pair: len(pair[1]))
        parts = PurePath(real).relative_to(root).parts
        return Target(root, parts, str(PurePath(shown, *parts)))

    def resolve_entry(self, path: str) -> Target:
        """As resolve, but a link at the path's end means the link itself; where it leads is judged all the same."""
        target = self.resolve(path)
        full = PurePath(self.cwd, path)
        if not target.parts:
            raise ToolFault(f"{path}: refused: it is the session's own directory")
        if full.name in {"", ".."}:
            return target
        parent = self.resolve(str(full.parent))
        return Target(parent.root, (*parent.parts, full.name), str(PurePath(parent.shown, full.name)))


def _within(real: str, root: str) -> bool:
    return real == root or real.startswith(root if root.endswith("/") else f"{root}/")


@contextmanager
def parent_of(target: Target, *, create: bool = False) -> Generator[int]:
    """The descriptor of the directory that holds the target, reached component by component without following links.

    create: missing directories are made. OSError.
    """
    held = os.open(target.root, _WALK)
    try:
        for part in target.parts[:-1]:
            if create:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=held)
            below = os.open(part, _WALK, dir_fd=held)
            os.close(held)
            held = below
        yield held
    finally:
        os.close(held)


def open_beneath(target: Target, flags: int = os.O_RDONLY) -> int:
    """A descriptor of the target, which is a regular file or a directory. OSError; ToolFault: it is neither."""
    name = target.parts[-1] if target.parts else "."
    with parent_of(target) as parent:
        # Non-blocking: a FIFO without a writer would hang here.
        fd = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, dir_fd=parent)
    kind = os.fstat(fd).st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        os.close(fd)
        raise ToolFault(f"{target.shown}: refused: it is not a regular file")
    return fd
