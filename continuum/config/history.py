"""The versions that are kept: a list in memory, and the file behind it where there is one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from continuum.config.version import Version, from_line, to_line
from continuum.errors import ConfigLocked, InternalError
from continuum.storage.process_lock import ProcessLock
from continuum.storage.version_log import VersionLog

if TYPE_CHECKING:
    from continuum.config.version import Build

__all__ = ["History", "Shelf"]

_log = logging.getLogger("continuum.config")

_SLACK = 2
"""The file is written anew when it holds more than this many times what is kept."""

Snapshot = tuple[list[Version], list[Version], Mapping[str, str]]


class Shelf:
    """The folder of one configuration's versions: their file, and the lock of the process that writes it."""

    def __init__(self, folder: Path) -> None:
        self.log = VersionLog(folder / "versions.log")
        self.lock = ProcessLock(folder / "lock")
        self.folder = folder

    def hold(self) -> bool:
        """Take the lock if it is free; whether it is ours. Raises OSError where nothing can be written."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.lock.acquire()


class History:
    """Versions, oldest first; never empty once one was begun or read. file: digests of the configuration file's
    sections as last seen, which each version carries along.
    """

    def __init__(self, shelf: Shelf | None, build: Build) -> None:
        self.file: Mapping[str, str] = {}
        self._shelf = shelf
        self._build = build
        self._versions: list[Version] = []
        self._unwritten: list[Version] = []
        self._lines = 0
        self._seen: tuple[int, int, int] | None = None

    @property
    def current(self) -> Version:
        """The newest."""
        return self._versions[-1]

    @property
    def empty(self) -> bool:
        """Whether there is none yet."""
        return not self._versions

    @property
    def held(self) -> bool:
        """Whether this process may write."""
        return self._shelf is None or self._shelf.lock.held

    @property
    def folder(self) -> Path | None:
        """Where they are kept; None for memory."""
        return None if self._shelf is None else self._shelf.folder

    def newest_first(self, most: int) -> Sequence[Version]:
        """At most so many."""
        return self._versions[: -most - 1 : -1]

    def stale(self) -> bool:
        """Whether another process has written since we read. Blocks."""
        return self._shelf is not None and not self.held and self._shelf.log.stamp() != self._seen

    def read(self) -> None:
        """Take what the file holds; where it holds nothing, what is here stays and is still to be written. Blocks.
        Raises OSError.
        """
        if self._shelf is None:
            return
        self._seen = self._shelf.log.stamp()
        lines = self._shelf.log.read()
        found: list[Version] = []
        for line in lines:
            try:
                found.append(from_line(line, self._build))
            except ValueError as fault:
                _log.warning("a version of the configuration cannot be read and is left out: %s", fault)
        self._lines = len(lines)
        if found:
            self._versions, self._unwritten = found, []
            self.file = self.current.file

    def snapshot(self) -> Snapshot:
        """What `restore` takes."""
        return self._versions, self._unwritten, self.file

    def restore(self, snapshot: Snapshot) -> None:
        """Forget what `read` found, and let another process write it."""
        self._versions, self._unwritten, self.file = snapshot
        self.release()

    def begin(self, version: Version) -> None:
        """Add one without writing it: it goes into the file before the next, or with `flush`."""
        self._versions.append(version)
        self._unwritten.append(version)

    def flush(self) -> None:
        """Write down what `begin` added. Blocks. Raises OSError."""
        if self._shelf is not None and self._unwritten:
            self._write(self._unwritten, len(self._versions))
            self._unwritten = []

    def hold(self) -> bool:
        """Take the lock where it is free; whether it is ours now and was not before: then `read`. Blocks.

        Raises ConfigLocked while another process has it, InternalError where nothing can be written.
        """
        if self._shelf is None or self._shelf.lock.held:
            return False
        try:
            taken = self._shelf.hold()
        except OSError as fault:
            raise _unwritable(fault) from None
        if not taken:
            raise ConfigLocked(self._shelf.lock.holder())
        return True

    async def add(self, version: Version, most: int) -> None:
        """Write a version down, and keep at most so many. Raises InternalError with all as it was. Once it is
        written nothing interrupts this.
        """
        if self._shelf is not None:
            try:
                await trio.to_thread.run_sync(self._write, [*self._unwritten, version], most)
            except OSError as fault:
                raise _unwritable(fault) from None
        self._unwritten = []
        self._versions.append(version)
        del self._versions[:-most]

    def release(self) -> None:
        """Let another process write."""
        if self._shelf is not None:
            self._shelf.lock.release()

    def _write(self, versions: Sequence[Version], most: int) -> None:
        assert self._shelf is not None, "only with a file"  # noqa: S101 - for the type checker
        log = self._shelf.log
        log.append(map(to_line, versions))
        self._lines += len(versions)
        if self._lines <= most * _SLACK:
            return
        kept = [*(each for each in self._versions if each not in versions), *versions][-most:]
        try:
            log.replace(list(map(to_line, kept)))
        except OSError as fault:  # the version is written all the same
            _log.warning("the file of the configuration's versions cannot be shortened: %s", fault.strerror)
        else:
            self._lines = len(kept)


def _unwritable(fault: OSError) -> InternalError:
    return InternalError(f"the configuration cannot be written down: {fault.strerror or 'I/O error'}")
