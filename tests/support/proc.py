"""What Linux tells about one process: memory that is its own, descriptors, sockets, threads."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figures:
    """At one moment. pss: bytes, pages shared with others counted in part."""

    pss: int
    descriptors: int
    sockets: int
    threads: int


def figures(pid: int) -> Figures:
    """Of a process that runs."""
    root = Path("/proc") / str(pid)
    rollup = (root / "smaps_rollup").read_text(encoding="ascii")
    (pss,) = [line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:")]
    targets = [_target(path) for path in (root / "fd").iterdir()]
    sockets = sum(target.startswith("socket:") for target in targets)
    return Figures(int(pss) * 1024, len(targets), sockets, len(list((root / "task").iterdir())))


def cpu_seconds(pid: int) -> float:
    """Processor time that it has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except FileNotFoundError:  # closed since it was listed
        return ""
