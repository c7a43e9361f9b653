"""A tap between a client and its agent: `python acp_tap.py FOLDER COMMAND ARGUMENT...` runs the command and keeps in
FOLDER what passes, byte for byte, a pair of files for each run. The standard library only.
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import IO


def command(folder: Path, *agent: str) -> list[str]:
    """The command line that is given to a client as its agent's."""
    return [sys.executable, __file__, str(folder), *agent]


def pump(source: IO[bytes], sink: IO[bytes], copy: Path) -> None:
    """Until the source ends, then the sink does."""
    with source, sink, copy.open("wb", buffering=0) as kept:
        while data := os.read(source.fileno(), 65536):
            kept.write(data)
            try:
                sink.write(data)
                sink.flush()
            except BrokenPipeError:
                return


def main(folder: Path, agent: list[str]) -> int:
    with subprocess.Popen(agent, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:

        def pass_on(number: int, _: FrameType | None) -> None:
            process.send_signal(number)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, pass_on)
        assert process.stdin is not None
        assert process.stdout is not None
        run = folder / str(process.pid)
        to_agent = (sys.stdin.buffer, process.stdin, run.with_suffix(".sent"))
        threading.Thread(target=pump, args=to_agent, daemon=True).start()
        pump(process.stdout, sys.stdout.buffer, run.with_suffix(".received"))
        return process.wait()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    os._exit(main(Path(sys.argv[1]), sys.argv[2:]))  # the thread may wait for a client that sends no more
