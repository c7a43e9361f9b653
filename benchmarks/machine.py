"""What Linux tells about processes: who listens on a port, and how much CPU its tree has used. None elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

_PROC = Path("/proc")
_LISTENS = "0A"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def listener(url: str) -> int | None:
    """The process that listens on the URL's port, where that is this machine and the process can be seen."""
    parts = urlsplit(url)
    if parts.hostname not in _LOOPBACK or not parts.port:
        return None
    sockets: set[str] = set()
    for table in ("tcp", "tcp6"):
        for line in _text(_PROC / "net" / table).splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == parts.port:
                sockets.add(f"socket:[{fields[9]}]")
    holders = [pid for pid in _pids() if sockets & _open_files(pid)]
    return min(holders, default=None)  # of a supervisor and its workers, the supervisor


def cpu_seconds(pid: int | None) -> float | None:
    """User and system time of the process and all below it, reaped ones included."""
    if pid is None:
        return None
    below: dict[int, list[list[str]]] = {}
    for each in _pids():
        fields = _stat(each)
        if fields:
            below.setdefault(int(fields[1]), []).append([str(each), *fields])
    own = _stat(pid)
    if not own:
        return None
    total, todo = 0, [[str(pid), *own]]
    while todo:
        process = todo.pop()
        total += sum(map(int, process[12:16]))
        todo += below.get(int(process[0]), [])
    return total / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold anything: state, parent, …"""
    return _text(_PROC / str(pid) / "stat").rpartition(")")[2].split()


def _pids() -> list[int]:
    return [int(path.name) for path in _PROC.iterdir() if path.name.isdigit()] if _PROC.is_dir() else []


def _open_files(pid: int) -> set[str]:
    found: set[str] = set()
    try:
        for path in (_PROC / str(pid) / "fd").iterdir():
            found.add(str(path.readlink()))
    except OSError:  # not ours to see, or gone
        pass
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
