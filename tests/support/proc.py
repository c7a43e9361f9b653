"""What Linux tells about processes: one's own memory, descriptors, sockets, threads; and which there are."""

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


def processes(marker: str) -> dict[int, str]:
    """Command lines of those that hold the marker, by process id."""
    lines = {int(each.name): command_line(int(each.name)) for each in Path("/proc").iterdir() if each.name.isdigit()}
    return {pid: line for pid, line in lines.items() if marker in line}


def command_line(pid: int) -> str:
    """Its arguments, with blanks between them; empty for one that is gone, reaped or not."""
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
    except OSError:
        return ""
