"""A command on this machine: guarded, its output kept within bounds and shown as it comes, its end certain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import trio

from continuum.children import Guarded

from .base import Progress, text_content
from .output import BoundedOutput

__all__ = ["Ended", "run_command"]

_GRACE: Final = 0.4
"""Seconds between SIGTERM and SIGKILL: a cancelled turn must be over within one."""

_SHOW_EVERY: Final = 0.5  # seconds: each showing sends again what there is
_SHOWN: Final = 8 * 1024  # bytes of it, the last ones


class Ended(NamedTuple):
    """How a command ended. fate: the guardian's word: `exit N`, `signal N`, `unrunnable ERRNO`; "" when unknown."""

    fate: str
    output: BoundedOutput
    timed_out: bool


async def run_command(
    argv: Sequence[str], *, cwd: str, environment: Mapping[str, str], timeout_s: float, progress: Progress | None = None
) -> Ended:
    """Run to the end, or to the time limit. Cancelled or not, afterwards nothing of its process group is left.

    progress: is shown the end of the output while it grows; a client that does not read holds up nothing else.
    OSError: not even the guardian could be started.
    """
    command = await Guarded.start(argv, grace=_GRACE, environment=environment, cwd=cwd)
    output = BoundedOutput()
    try:
        with trio.move_on_after(timeout_s) as limit:
            async with trio.open_nursery() as nursery:
                if progress is not None:
                    nursery.start_soon(_show, output, progress)
                await command.run(output.add)
                nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await command.stop(output.add)
    return Ended(command.fate, output, limit.cancelled_caught)


async def _show(output: BoundedOutput, progress: Progress) -> None:
    shown = 0
    while True:
        await trio.sleep(_SHOW_EVERY)
        if output.size > shown:
            shown = output.size
            await progress(text_content(output.last(_SHOWN)))
