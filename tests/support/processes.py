"""Real processes for black-box tests: a command is started, watched line by line, and never left behind."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
LISTENING = re.compile(r"continuum: listening on (http://127\.0\.0\.1:\d+)")
UPSTREAM_URL = re.compile(r"(http://127\.0\.0\.1:\d+)")


class Process:
    """One running command, its two outputs merged into one queue of lines."""

    def __init__(self, command: Sequence[str], *, cwd: Path, environ: Mapping[str, str] | None = None) -> None:
        """Start it in a session of its own, so that whatever it starts can be ended with it."""
        self.seen: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._popen = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._popen.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._popen.stdout,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._lines.put(line.decode(errors="replace").rstrip("\n"))
        self._lines.put(None)

    def wait_for(self, pattern: re.Pattern[str], timeout_s: float = START_TIMEOUT_S) -> str:
        """The first group of the first line that holds the pattern."""
        while True:
            try:
                line = self._lines.get(timeout=timeout_s)
            except queue.Empty:
                line = None
            if line is None:
                said = "\n".join(self.seen)
                raise AssertionError(f"{pattern.pattern!r} was not printed; what was:\n{said}")
            self.seen.append(line)
            if match := pattern.search(line):
                return match[1]

    def stop(self) -> int:
        """Ask it to end and give its exit code."""
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
        try:
            return self._popen.wait(STOP_TIMEOUT_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it and everything it started."""
        try:
            os.killpg(self._popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._popen.wait()
        self._reader.join(STOP_TIMEOUT_S)


@contextmanager
def running(command: Sequence[str], *, cwd: Path, environ: Mapping[str, str] | None = None) -> Iterator[Process]:
    """A process for the length of a block."""
    process = Process(command, cwd=cwd, environ=environ)
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def scripted_upstream(cwd: Path, *options: str) -> Iterator[str]:
    """The scripted upstream of continuum.testing as a process: its base URL, with /v1."""
    command = [sys.executable, "-m", "continuum.testing.upstream", "--port", "0", *options]
    with running(command, cwd=cwd, environ={"PYTHONSAFEPATH": "1"}) as process:
        url = process.wait_for(UPSTREAM_URL)
        yield url if url.endswith("/v1") else f"{url}/v1"


def write_config(folder: Path, upstream: str) -> Path:
    """The smallest configuration that points at one upstream."""
    path = folder / "continuum.yaml"
    path.write_text(
        "server:\n  bind_address: 127.0.0.1:0\n"
        f"backends:\n  - name: scripted\n    type: generic\n    url: {upstream}\n    models: [test-model]\n",
        encoding="utf-8",
    )
    return path


@contextmanager
def http_continuum(command: str, cwd: Path, config: Path) -> Iterator[tuple[Process, str]]:
    """Continuum in HTTP mode as a process: it and its base URL, without /v1."""
    arguments = [command, "--mode", "http", "--config", str(config), "--bind", "127.0.0.1:0"]
    with running(arguments, cwd=cwd) as process:
        yield process, process.wait_for(LISTENING)
