"""A command on this machine: its own process group under a guardian, its output kept within bounds, its end certain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import trio

from continuum.backends.managed.process import GUARDIAN

from .output import BoundedOutput

__all__ = ["Ended", "run_command"]

_GRACE: Final = 0.4
"""Seconds between SIGTERM and SIGKILL: a cancelled turn must be over within one."""

_GUARDIAN_MARGIN: Final = 1.5
_READ_SIZE: Final = 65536
_DRAIN: Final = 0.3  # seconds for what is left in the pipe once the guardian has ended its group


class Ended(NamedTuple):
    """How a command ended. fate: the guardian's word: `exit N`, `signal N`, `unrunnable ERRNO`; "" when unknown."""

    fate: str
    output: BoundedOutput
    timed_out: bool


async def run_command(argv: Sequence[str], *, cwd: str, environment: Mapping[str, str], timeout_s: float) -> Ended:
    """Run to the end, or to the time limit. Cancelled or not, afterwards nothing of its process group is left.

    OSError: not even the guardian could be started.
    """
    process = await trio.lowlevel.open_process(
        [sys.executable, "-I", "-S", GUARDIAN, str(_GRACE), *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=environment,
        start_new_session=True,
    )
    running = _Running(process)
    try:
        with trio.move_on_after(timeout_s) as limit:
            await running.wait()
    finally:
        await running.stop()
    return Ended(running.fate.decode("ascii", "replace").strip(), running.output, limit.cancelled_caught)


class _Running:
    """The guardian and its pipes."""

    def __init__(self, process: trio.Process) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("the three pipes are needed")
        self._process = process
        self._lifeline, self._out, self._fates = process.stdin, process.stdout, process.stderr
        self.output = BoundedOutput()
        self.fate = b""

    async def wait(self) -> None:
        """Until the guardian is gone; whoever left the group may hold the pipe open for ever."""
        async with trio.open_nursery() as nursery:
            drained = trio.Event()
            nursery.start_soon(self._read, drained)
            nursery.start_soon(self._hear)
            await self._process.wait()
            with trio.move_on_after(_DRAIN):
                await drained.wait()
            nursery.cancel_scope.cancel()

    async def stop(self) -> None:
        """SIGTERM to the group, SIGKILL after the grace; done when it is gone."""
        with trio.CancelScope(shield=True):
            await self._lifeline.aclose()
            with trio.move_on_after(_GRACE + _GUARDIAN_MARGIN):
                await self.wait()
            if self._process.returncode is None:  # somebody stopped the guardian; its id is its group's
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                await self._process.wait()
            await self._out.aclose()
            await self._fates.aclose()

    async def _read(self, drained: trio.Event) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await self._out.receive_some(_READ_SIZE):
                self.output.add(bytes(data))
        drained.set()

    async def _hear(self) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await self._fates.receive_some(256):
                self.fate = (self.fate + data)[-256:]
