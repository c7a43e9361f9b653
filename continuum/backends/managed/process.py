"""One run of a managed server: spawned under its guardian, its output read, its end told, nothing left behind."""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio

__all__ = ["GUARDIAN", "STOP_GRACE", "ServerProcess"]

STOP_GRACE: Final = 2.0
"""Seconds between SIGTERM and SIGKILL."""

GUARDIAN: Final = str(Path(__file__).with_name("guardian.py"))
"""The program to run a command under, so that nothing of it outlives us: `python -I -S GUARDIAN GRACE COMMAND...`."""

_GUARDIAN_MARGIN: Final = 3.0
_LONGEST_LINE: Final = 4096
_DRAIN: Final = 1.0
_UNRUNNABLE: Final = {
    errno.ENOENT: "there is no such command",
    errno.EACCES: "the command may not be run",
    errno.ENOEXEC: "the command is not a program",
    errno.ENOMEM: "there is not enough memory",
}

_log = logging.getLogger("continuum.managed")


class ServerProcess:
    """A running server. `run` reads its output and must be running for `ended` to happen.

    ended: set once the server is gone.
    """

    def __init__(self, name: str, process: trio.Process, redact: Callable[[str], str]) -> None:
        self._name = name
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("a server process needs its three pipes")
        self._process = process
        self._lifeline, self._output, self._fates = process.stdin, process.stdout, process.stderr
        self._redact = redact
        self._drained = trio.Event()
        self.ended = trio.Event()
        self._fate = "ended"
        self._last_line = ""

    @classmethod
    async def spawn(
        cls, name: str, argv: Sequence[str], environment: Mapping[str, str], redact: Callable[[str], str]
    ) -> ServerProcess:
        """Start the guardian, which starts the server. OSError: not even the guardian could be started."""
        process = await trio.lowlevel.open_process(
            [sys.executable, "-I", "-S", GUARDIAN, str(STOP_GRACE), *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        return cls(name, process, redact)

    @property
    def pid(self) -> int:
        """The guardian's process id, which is its group's and its session's id, too."""
        return self._process.pid

    @property
    def obituary(self) -> str:
        """How it ended, in words, with the last line it said (redacted)."""
        return f"{self._fate}: {self._redact(self._last_line)}" if self._last_line else self._fate

    async def run(self) -> None:
        """Read output until the server is gone, then say so.

        Not to be cancelled: a server that is being stopped must not block on a full pipe. `stop` makes it return.
        """
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read_output)
                verdict = await self._verdict()
                if not verdict:  # somebody killed the guardian; not reaped yet, so the group's id is still ours
                    self._kill_group()
                await self._process.wait()
                # A process that left the group may hold the pipe open for ever.
                with trio.move_on_after(_DRAIN):
                    await self._drained.wait()
                nursery.cancel_scope.cancel()
            self._fate = _in_words(verdict)
            self.ended.set()
            for stream in (self._lifeline, self._output, self._fates):
                await stream.aclose()

    async def stop(self) -> None:
        """End the whole group: SIGTERM, SIGKILL after STOP_GRACE. Call in a shielded scope; done once it is gone."""
        await self._lifeline.aclose()  # what the guardian also sees when we are killed
        with trio.move_on_after(STOP_GRACE + _GUARDIAN_MARGIN):
            await self.ended.wait()
            return
        self._kill_group()
        await self.ended.wait()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _verdict(self) -> str:
        heard = b""
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            async for chunk in self._fates:
                heard = (heard + chunk)[-_LONGEST_LINE:]
        return heard.decode("ascii", "replace").strip()

    async def _read_output(self) -> None:
        pending = bytearray()
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            async for chunk in self._output:
                first, *lines = chunk.split(b"\n")
                # Of a line without end its beginning is kept.
                pending += first[: _LONGEST_LINE - len(pending)]
                for line in lines:
                    self._hear(pending)
                    pending = bytearray(line[:_LONGEST_LINE])
        self._hear(pending)
        self._drained.set()

    def _hear(self, line: bytearray) -> None:
        text = line.decode("utf-8", "replace").strip()
        if text:
            self._last_line = text
            if _log.isEnabledFor(logging.DEBUG):
                _log.debug("%s: %s", self._name, self._redact(text))


def _in_words(verdict: str) -> str:
    match verdict.split():
        case ["exit", status]:
            return f"exited with status {status}"
        case ["signal", number]:
            return f"was ended by signal {number}"
        case ["unrunnable", number]:
            return f"cannot be started: {_UNRUNNABLE.get(int(number), os.strerror(int(number)))}"
        case _:
            return "ended for an unknown reason"
