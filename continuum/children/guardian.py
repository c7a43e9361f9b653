"""A process between us and one program, run by path: `python -I -S guardian.py [--talk IN ERR] GRACE COMMAND...`.
Standard library only.

Standard input is a pipe whose other end only the one who asks holds, so its end is the one order to stop, given by the
kernel even when that one is killed. The program's output goes to our standard output, its fate to our standard error
as one line: `exit N`, `signal N` or `unrunnable ERRNO`. With --talk it gets the descriptors IN and ERR as its standard
input and standard error; else it has no input, and its standard error goes the way of its output.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from types import FrameType

_PR_SET_PDEATHSIG = 1

_prctl = None
if sys.platform == "linux":
    with contextlib.suppress(ImportError):  # a Python without libffi goes without the second net
        import ctypes

        _prctl = ctypes.CDLL(None).prctl


class _Guardian:
    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._ordered = False  # somebody asked us, rather than the program, to end
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        # Handlers, not SIG_IGN: the program starts with the defaults, and our signals to the whole group spare us.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_order)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def _on_order(self, _number: int, _frame: FrameType | None) -> None:
        self._ordered = True

    def watch(self, argv: list[str], own_input: int, errors: int) -> str:
        """Run the program until it ends or the pipe does; what became of it. own_input, errors: descriptors, or what
        subprocess has for them.
        """
        try:
            child = subprocess.Popen(  # noqa: S603 (an argument list, never a shell)
                argv,
                stdin=own_input,
                stderr=errors,
                preexec_fn=_die_with_parent if _prctl else None,  # noqa: PLW1509 (we have one thread)
            )
        except OSError as error:
            return f"unrunnable {error.errno}"
        _let_go(1, own_input, errors)
        watched = [0, self._wake]
        kill_at: float | None = None
        while child.poll() is None:
            timeout = None if kill_at is None else kill_at - time.monotonic()
            if timeout is not None and timeout <= 0:
                break
            ready, _, _ = select.select(watched, [], [], timeout)
            if self._wake in ready:
                os.read(self._wake, 4096)
            if 0 in ready and not os.read(0, 4096):
                watched.remove(0)
                self._ordered = True
            if self._ordered and kill_at is None:
                kill_at = time.monotonic() + self._grace
                os.killpg(0, signal.SIGTERM)
        code = child.returncode
        if code is None:
            return f"signal {int(signal.SIGKILL)}"
        return f"signal {-code}" if code < 0 else f"exit {code}"


def _let_go(*fds: int) -> None:
    """They are the program's now: those at the other ends are to see it close them."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in fds:
        if fd > 0:
            os.dup2(null, fd)


def _die_with_parent() -> None:
    # The net under the net: Linux ends the program when somebody kills this process instead of the one behind it.
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    if os.getpgrp() != os.getpid():
        os.setsid()
    arguments = sys.argv[1:]
    own_input, errors = subprocess.DEVNULL, subprocess.STDOUT
    if arguments[0] == "--talk":
        own_input, errors = int(arguments[1]), int(arguments[2])
        arguments = arguments[3:]
    fate = _Guardian(float(arguments[0])).watch(arguments[1:], own_input, errors)
    with contextlib.suppress(OSError):  # the other side may be gone
        os.write(2, f"{fate}\n".encode())
    # Whatever the program left in our group goes with us, in one stroke: no process id can have been used again.
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
