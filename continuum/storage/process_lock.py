"""A lock that a process holds until it ends, however it ends, and that says who holds it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["ProcessLock"]

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
_LONGEST_PID = 20


class ProcessLock:
    """A file that one process at a time has locked; its number stands in it. The file stays: only the lock counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process holds it."""
        return self._descriptor is not None

    def acquire(self) -> bool:
        """Take it if it is free, without waiting; whether it is held now. Raises OSError where there can be no file."""
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, _FLAGS, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        return True

    def holder(self) -> int | None:
        """The process that says it holds it; None where that cannot be told."""
        try:
            with self._path.open("rb") as stream:
                return int(stream.read(_LONGEST_PID))
        except (OSError, ValueError):
            return None

    def release(self) -> None:
        """Let go of it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
