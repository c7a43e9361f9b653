"""Files for their owner only, replaced whole: a reader sees the old text or the new, whenever the process ends.

Blocking: callers use a thread where one matters.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

__all__ = ["append_line", "create", "replace", "sync_folder", "write_down"]

_MODE = 0o600
_FOLDER_MODE = 0o700


def replace(path: Path, content: bytes, *, mode: int = _MODE) -> None:
    """Write a file's whole content, durably. An existing one keeps its mode. Raises OSError with the file as it was."""
    with suppress(FileNotFoundError):
        mode = path.stat().st_mode & 0o777
    beside = _write_beside(path, content, mode)
    try:
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def create(path: Path, content: bytes) -> bool:
    """Write a file unless it is there; whether it was not. Two processes that try at once agree. Raises OSError."""
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    beside = _write_beside(path, content, _MODE)
    try:
        os.link(beside, path)
    except FileExistsError:
        return False
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def append_line(path: Path, line: bytes, *, most: int) -> None:
    """Add a line; a file of more than `most` bytes is set aside first, as `.1`. Raises OSError."""
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if path.stat().st_size > most:
            path.replace(path.with_name(f"{path.name}.1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)
    try:
        _write_all(descriptor, line + b"\n")
    finally:
        os.close(descriptor)


def write_down(descriptor: int, content: bytes) -> None:
    """Write all of it, durably. Raises OSError, and then a part of it may be there."""
    _write_all(descriptor, content)
    os.fsync(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _write_beside(path: Path, content: bytes, mode: int) -> Path:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        os.fchmod(descriptor, mode)
        write_down(descriptor, content)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return beside


def sync_folder(folder: Path) -> None:
    """Have what the folder lists on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
