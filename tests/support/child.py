"""Real processes under test: started, watched through their output, and always stopped by their own id."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import trio
from patience import PATIENCE_S

# What a child may know of the machine: no API keys, no configuration that lies about.
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "COVERAGE_PROCESS_START", "PYTHONPATH")


class Child:
    """A child process whose output is collected line by line; leaving the block stops it."""

    def __init__(self, arguments: Sequence[str], *, home: Path, environ: Mapping[str, str] | None = None) -> None:
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        self._changed = threading.Condition()
        self._lines: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._open_pipes = 2
        self._child = subprocess.Popen(
            [sys.executable, "-W", "ignore::ResourceWarning", *arguments],
            cwd=home,
            env={**kept, "HOME": str(home), **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
        )
        self._readers = [
            threading.Thread(target=self._collect, args=(name, pipe), daemon=True)
            for name, pipe in (("stdout", self._child.stdout), ("stderr", self._child.stderr))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def stdout(self) -> str:
        return "\n".join(self._lines["stdout"])

    @property
    def stderr(self) -> str:
        return "\n".join(self._lines["stderr"])

    def wait_for_line(self, pattern: str, *, pipe: str = "stderr", seconds: float = PATIENCE_S) -> re.Match[str]:
        """Wait for a line in which the pattern is found; the process ending first is a failure."""

        def seen() -> re.Match[str] | None:
            return next(filter(None, (re.search(pattern, line) for line in self._lines[pipe])), None)

        with self._changed:
            self._changed.wait_for(lambda: seen() or not self._open_pipes, timeout=seconds)
            found = seen()
        assert found, f"no line like {pattern!r} on {pipe}:\n{self.stdout}\n{self.stderr}"
        return found

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        self._child.send_signal(number)

    def wait(self, seconds: float = PATIENCE_S) -> int:
        """Wait for the end; the exit code."""
        code = self._child.wait(seconds)
        for reader in self._readers:
            reader.join(seconds)
        return code

    async def exited(self, seconds: float = PATIENCE_S) -> int:
        """As `wait`, for trio."""
        return await trio.to_thread.run_sync(self.wait, seconds)

    def stop(self) -> int:
        """SIGTERM, then SIGKILL after a deadline; the exit code."""
        if self._child.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self._child.kill()
            return self.wait()

    def _collect(self, name: str, pipe: IO[str] | None) -> None:
        assert pipe is not None
        with pipe:
            for line in pipe:
                with self._changed:
                    self._lines[name].append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._open_pipes -= 1
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.poll()
        if self._child.returncode is None:
            self._child.kill() if kind else self.stop()
        self.wait()
