"""What a configuration write costs, the first and the ten-thousandth: `python benchmarks/writes.py`.

Starts a Continuum of its own in a temporary folder, sends so many writes through its admin API, one after the other,
and prints how long the first and the last of them took, and what its memory and its file of versions came to.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import httpx
import machine

SLICES = 10
CONFIGURATION = """
server: { bind_address: "127.0.0.1:0" }
admin: { auth: { method: none }, max_history_entries: %d }
health_checks: { enabled: false }
logging: { level: warn }
backends: [%s]
"""
_LISTENING = re.compile(r"listening on (http://\S+)")


class Slice(NamedTuple):
    """A tenth of all writes; times in milliseconds, memory and file in KiB. cpu: the server's, per write."""

    p50: float
    p99: float
    cpu: float
    rss: int
    file: int


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser("benchmarks/writes.py", description=__doc__)
    parser.add_argument("--writes", type=int, default=10_000, metavar="N", help="in all (10000)")
    parser.add_argument("--history", type=int, default=100, metavar="N", help="admin.max_history_entries (100)")
    parser.add_argument("--backends", type=int, default=10, metavar="N", help="in the configuration (10)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        slices = _measure(Path(folder), options)
    print(f"{options.writes} writes, {options.history} versions kept, {options.backends} backends")
    print(f"  {'writes':>14}{'p50, ms':>10}{'p99, ms':>10}{'CPU, ms':>10}{'RSS, KiB':>12}{'file, KiB':>12}")
    size = options.writes // SLICES
    for number, each in enumerate(slices):
        span = f"{number * size + 1}-{(number + 1) * size}"
        print(f"  {span:>14}{each.p50:>10.2f}{each.p99:>10.2f}{each.cpu:>10.2f}{each.rss:>12}{each.file:>12}")
    return 0


def _measure(folder: Path, options: argparse.Namespace) -> list[Slice]:
    file = folder / "continuum.yaml"
    backends = ", ".join(f"{{name: b{n}, url: 'http://127.0.0.1:1', models: [m{n}]}}" for n in range(options.backends))
    file.write_text(CONFIGURATION % (options.history, backends), encoding="utf-8")
    command = [sys.executable, "-m", "continuum", "--mode", "http", "--config", str(file)]
    environ = {**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    started = subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True)  # noqa: S603 - us
    with started as server:
        try:
            assert server.stderr is not None, "piped"  # noqa: S101 - for the type checker
            found = next(filter(None, map(_LISTENING.search, server.stderr)), None)
            if found is None:
                raise SystemExit("Continuum does not start: the lines above say why")
            with httpx.Client(base_url=found[1], trust_env=False, timeout=60) as client:
                size = options.writes // SLICES
                return [_slice(client, server.pid, folder, range(n * size, (n + 1) * size)) for n in range(SLICES)]
        finally:
            server.terminate()


def _slice(client: httpx.Client, pid: int, folder: Path, numbers: range) -> Slice:
    times: list[float] = []
    before = machine.cpu_seconds(pid) or 0.0
    for number in numbers:
        body = {"config": {"aliases": {"a": f"m{number}"}}}
        began = time.perf_counter()
        client.put("/admin/config/routing", json=body).raise_for_status()
        times.append((time.perf_counter() - began) * 1000)
    cpu = ((machine.cpu_seconds(pid) or 0.0) - before) * 1000 / len(times)
    status = (Path("/proc") / str(pid) / "status").read_text(encoding="ascii")
    rss = int(status.partition("VmRSS:")[2].split()[0])
    (log,) = folder.rglob("versions.log")
    p99 = statistics.quantiles(times, n=100)[98]
    return Slice(statistics.median(times), p99, cpu, rss, log.stat().st_size // 1024)


if __name__ == "__main__":
    sys.exit(main())
