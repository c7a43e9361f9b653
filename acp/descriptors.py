"""The process's standard descriptors, taken for the protocol before anything else can write to them.

Stdlib `os` only: the console script calls this first, then imports the rest.
"""

from __future__ import annotations

import os

__all__ = ["claim_stdio"]


def claim_stdio() -> tuple[int, int]:
    """Private duplicates (input, output) of descriptors 0 and 1.

    Afterwards 1 leads to stderr, so that a stray print cannot corrupt the protocol, and 0 to the null device, so
    that no child reads the client's messages. A descriptor that came closed counts as the null device.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            _point_at_null(fd)
    # dup makes descriptors that children do not inherit; dup2 here makes the two that they do.
    in_fd, out_fd = os.dup(0), os.dup(1)
    _point_at_null(0)
    os.dup2(2, 1)
    return in_fd, out_fd


def _point_at_null(fd: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null == fd:
        os.set_inheritable(fd, True)  # noqa: FBT003 (the stdlib's own signature)
    else:
        os.dup2(null, fd)
        os.close(null)
