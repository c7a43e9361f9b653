"""An append-only file of records, a line each with its checksum: what was acknowledged is there after any crash.

Knows bytes, not what they say. Blocking: callers use a thread.
"""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from continuum.storage.private import sync_folder, write_down

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["VersionLog"]

_MODE = 0o600
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_ANEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class VersionLog:
    """One file, and at most one process that writes it. A record holds no line break.

    Reading drops a torn last line, and the next write removes it. A write that is refused (OSError: a full disk, a
    folder that cannot be written) leaves the file as it was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = 0
        self._named = False  # the folder's entry of it is on the disk

    def read(self) -> list[bytes]:
        """Every whole record, oldest first; none where there is no file. Raises OSError."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            content = b""
        whole = content.rfind(b"\n") + 1
        records = [_record(line) for line in content[:whole].split(b"\n")[:-1]]
        while records and records[-1] is None:  # the line was written in pieces, and the last of them came first
            whole = content.rfind(b"\n", 0, whole - 1) + 1
            records.pop()
        self._size = whole
        return [record for record in records if record is not None]

    def append(self, records: Iterable[bytes]) -> None:
        """Write, and return once it is on the disk. Raises OSError with the file as it was."""
        lines = b"".join(map(_line, records))
        descriptor = os.open(self.path, _APPEND, _MODE)
        try:
            there = os.fstat(descriptor).st_size
            self._size = min(self._size, there)  # less: somebody has taken the file away
            if there != self._size:
                os.ftruncate(descriptor, self._size)  # a torn line, or what an earlier refusal could not take back
            try:
                write_down(descriptor, lines)
                if not self._named:
                    sync_folder(self.path.parent)
                    self._named = True
            except BaseException:
                with suppress(OSError):  # else before the next write
                    os.ftruncate(descriptor, self._size)
                raise
        finally:
            os.close(descriptor)
        self._size += len(lines)

    def replace(self, records: Sequence[bytes]) -> None:
        """Write the whole file anew: there is the old one or the new one, whenever the process ends. Raises OSError."""
        lines = b"".join(map(_line, records))
        beside = self.path.with_name(f"{self.path.name}.new")
        try:
            descriptor = os.open(beside, _ANEW, _MODE)
            try:
                write_down(descriptor, lines)
            finally:
                os.close(descriptor)
            beside.replace(self.path)
        except BaseException:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise
        self._size = len(lines)
        sync_folder(self.path.parent)

    def stamp(self) -> tuple[int, int, int] | None:
        """What differs after somebody has written; None where there is no file."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns


def _line(record: bytes) -> bytes:
    return b"%s %s\n" % (_checksum(record), record)


def _record(line: bytes) -> bytes | None:
    checksum, _, record = line.partition(b" ")
    return record if checksum == _checksum(record) else None


def _checksum(record: bytes) -> bytes:
    return sha256(record).hexdigest()[:32].encode()
