"""A tap between a client and its agent: `python acp_tap.py FOLDER CHANGES COMMAND ARGUMENT...` runs the command and
keeps in FOLDER what the agent gets and says, byte for byte, a pair of files for each run. The standard library only.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import IO

Changes = Mapping[str, str]
"""Texts of a line and what stands in their place."""


def command(folder: Path, *agent: str, to_agent: Changes | None = None, to_client: Changes | None = None) -> list[str]:
    """The command line that is given to a client as its agent's. The changes are for what a client cannot be told to
    say or to understand otherwise; all else passes as it is.
    """
    changes = json.dumps([to_agent or {}, to_client or {}])
    return [sys.executable, __file__, str(folder), changes, *agent]


def changed(line: bytes, changes: Changes) -> bytes:
    for text, other in changes.items():
        line = line.replace(text.encode(), other.encode())
    return line


def pump(source: IO[bytes], sink: IO[bytes], copy: Path, before: Changes, after: Changes) -> None:
    """Until the source ends, then the sink does. before, after: changes of a line before and after it is kept."""
    with source, sink, copy.open("wb", buffering=0) as kept:
        for line in iter(source.readline, b""):
            told = changed(line, before)
            kept.write(told)
            try:
                sink.write(changed(told, after))
                sink.flush()
            except BrokenPipeError:
                return


def main(folder: Path, agent: list[str], to_agent: Changes, to_client: Changes) -> int:
    none: Changes = {}
    with subprocess.Popen(agent, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def pass_on(number: int, _: FrameType | None) -> None:
            process.send_signal(number)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, pass_on)
        assert process.stdin is not None
        assert process.stdout is not None
        run = folder / str(process.pid)
        sent = (sys.stdin.buffer, process.stdin, run.with_suffix(".sent"), to_agent, none)
        threading.Thread(target=pump, args=sent, daemon=True).start()
        pump(process.stdout, sys.stdout.buffer, run.with_suffix(".received"), none, to_client)
        return process.wait()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    ours, theirs = json.loads(sys.argv[2])
    os._exit(main(Path(sys.argv[1]), sys.argv[3:], ours, theirs))  # the thread may wait for a client that sends no more
