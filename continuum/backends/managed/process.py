"""One run of a managed server: its output read, its end told in words, nothing left behind."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import trio

from continuum.children import Guarded

__all__ = ["STOP_GRACE", "ServerProcess"]

STOP_GRACE: Final = 2.0
"""Seconds between SIGTERM and SIGKILL."""

_LONGEST_LINE: Final = 4096
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

    def __init__(self, name: str, guarded: Guarded, redact: Callable[[str], str]) -> None:
        self._name = name
        self._guarded = guarded
        self._redact = redact
        self.ended = trio.Event()
        self._fate = "ended"
        self._pending = bytearray()
        self._last_line = ""

    @classmethod
    async def spawn(
        cls, name: str, argv: Sequence[str], environment: Mapping[str, str], redact: Callable[[str], str]
    ) -> ServerProcess:
        """Start the guardian, which starts the server. OSError: not even the guardian could be started."""
        return cls(name, await Guarded.start(argv, grace=STOP_GRACE, environment=environment), redact)

    @property
    def obituary(self) -> str:
        """How it ended, in words, with the last line it said (redacted)."""
        return f"{self._fate}: {self._redact(self._last_line)}" if self._last_line else self._fate

    async def run(self) -> None:
        """Read output until the server is gone, then say so.

        Not to be cancelled: a server that is being stopped must not block on a full pipe. `stop` makes it return.
        """
        with trio.CancelScope(shield=True):
            await self._guarded.run(self._take)
            self._hear(self._pending)
            self._fate = _in_words(self._guarded.fate)
            self.ended.set()
            await self._guarded.aclose()

    async def stop(self) -> None:
        """End the whole group: SIGTERM, SIGKILL after STOP_GRACE. Call in a shielded scope; done once it is gone."""
        await self._guarded.end()
        await self.ended.wait()

    def _take(self, data: bytes) -> None:
        first, *lines = data.split(b"\n")
        # Of a line without end its beginning is kept.
        self._pending += first[: _LONGEST_LINE - len(self._pending)]
        for line in lines:
            self._hear(self._pending)
            self._pending = bytearray(line[:_LONGEST_LINE])

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
