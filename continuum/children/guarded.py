"""A program in a process group of its own, behind its guardian: its pipes, its end, and the certainty of that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, NamedTuple

import trio

__all__ = ["Conversation", "Guarded"]

_GUARDIAN: Final = str(Path(__file__).with_name("guardian.py"))
_MARGIN: Final = 1.5  # seconds beyond the grace in which a guardian has done its work
_DRAIN: Final = 0.5  # seconds for what is left in the pipe: a process that left the group may hold it open for ever
_READ_SIZE: Final = 65536
_LONGEST_FATE: Final = 256

_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError)


class Conversation(NamedTuple):
    """Our ends of a program's own standard input and standard error."""

    input: trio.lowlevel.FdStream
    errors: trio.lowlevel.FdStream


class Guarded:
    """A program that runs. However we end, its whole group ends, too: by SIGTERM, after the grace by SIGKILL.

    output: what it prints. talk: set where it was started to be talked to; else it has no input, and its standard
    error is in the output.
    """

    def __init__(self, process: trio.Process, grace: float, talk: Conversation | None) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("the guardian's three pipes are needed")
        self._process = process
        self._grace = grace
        self._lifeline, self.output, self._fates = process.stdin, process.stdout, process.stderr
        self._fate = b""
        self._listening = trio.Lock()
        self._over = False
        self.talk = talk

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        grace: float,
        environment: Mapping[str, str],
        cwd: str | None = None,
        talking: bool = False,
    ) -> Guarded:
        """grace: seconds between SIGTERM and SIGKILL. OSError: not even the guardian could be started; ValueError: a
        NUL byte in the command.
        """
        with ExitStack() as theirs:
            options: list[str] = []
            fds: list[int] = []
            talk: Conversation | None = None
            if talking:
                in_far, in_near = os.pipe()
                err_near, err_far = os.pipe()
                for fd in (in_far, err_far):
                    theirs.callback(os.close, fd)
                talk = Conversation(trio.lowlevel.FdStream(in_near), trio.lowlevel.FdStream(err_near))
                fds = [in_far, err_far]
                options = ["--talk", str(in_far), str(err_far)]
            try:
                process = await trio.lowlevel.open_process(
                    [sys.executable, "-I", "-S", _GUARDIAN, *options, str(grace), *argv],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=cwd,
                    env=environment,
                    pass_fds=fds,
                    start_new_session=True,
                )
            except BaseException:
                for stream in talk or ():
                    stream.close()
                raise
        return cls(process, grace, talk)

    @property
    def pid(self) -> int:
        """The guardian's process id, which is its group's and its session's id, too."""
        return self._process.pid

    @property
    def fate(self) -> str:
        """The guardian's word on how it ended: `exit N`, `signal N`, `unrunnable ERRNO`; "" while that is unknown."""
        return self._fate.decode("ascii", "replace").strip()

    async def run(self, take: Callable[[bytes], None]) -> None:
        """Hand over what it prints, until it is gone. Cancelled, nothing is lost: it can be called again."""
        async with trio.open_nursery() as nursery:
            drained = trio.Event()
            nursery.start_soon(self._read, take, drained)
            await self.ended()
            with trio.move_on_after(_DRAIN):
                await drained.wait()
            nursery.cancel_scope.cancel()

    async def ended(self) -> None:
        """Wait until it and its group are gone. Any number of tasks may."""
        async with self._listening:
            if self._over:
                return
            with suppress(*_GONE):
                while data := await self._fates.receive_some(_LONGEST_FATE):
                    self._fate = (self._fate + data)[-_LONGEST_FATE:]
            if not self._fate:  # somebody killed the guardian; not reaped yet, so the group's id is still ours
                self._kill()
            await self._process.wait()
            self._over = True

    async def end(self) -> None:
        """Tell it to end, as our own end would, and wait until it is gone: it may not do so later than its grace and a
        little more. Call in a shielded scope.
        """
        await self._lifeline.aclose()
        with trio.move_on_after(self._grace + _MARGIN):
            await self.ended()
        if self._process.returncode is None:  # somebody stopped the guardian
            self._kill()
            await self.ended()

    async def stop(self, take: Callable[[bytes], None] | None = None) -> None:
        """`end` where nobody is in `run`, and give up the pipes. take: gets what it still prints."""
        async with trio.open_nursery() as nursery:
            if take is not None:
                nursery.start_soon(self.run, take)
            await self.end()
        await self.aclose()

    async def aclose(self) -> None:
        """Give up the pipes."""
        for stream in (self._lifeline, self.output, self._fates, *(self.talk or ())):
            await stream.aclose()

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _read(self, take: Callable[[bytes], None], drained: trio.Event) -> None:
        with suppress(*_GONE):
            while data := await self.output.receive_some(_READ_SIZE):
                take(bytes(data))
        drained.set()
