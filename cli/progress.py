"""A line on stderr about whatever takes over a second: rewritten each second on a terminal, said once elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

__all__ = ["Progress", "with_progress"]

_AFTER = 1.0
_EVERY = 1.0
_CLEAR = "\r\x1b[K"

T = TypeVar("T")


class Progress:
    """What is being done. doing: a phrase such as "asking 3 backends", which may be changed on the way."""

    def __init__(self, doing: str) -> None:
        self.doing = doing
        self._rewrites = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._shown = False
        self._ended = False

    def end(self) -> None:
        """Nothing is waited for any more: the line goes, and does not come again."""
        self._ended = True
        if self._shown and self._rewrites:
            self._write(_CLEAR)
        self._shown = False

    async def run(self) -> None:
        """Tell until `end`, once it has taken a while."""
        began = trio.current_time()
        await trio.sleep(_AFTER)
        while not self._ended:
            line = f"continuum: {self.doing} ({trio.current_time() - began:.0f} s)"
            if self._rewrites:
                self._write(_CLEAR + line[: shutil.get_terminal_size().columns - 1])
            elif not self._shown:
                self._write(f"continuum: {self.doing}\n")
            self._shown = True
            await trio.sleep(_EVERY)

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


async def with_progress(doing: str, work: Callable[[Progress], Awaitable[T]]) -> T:
    """What `work` gives, or raises, while its progress is told."""
    progress = Progress(doing)
    results: list[T] = []
    failure: BaseException | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(progress.run)
        try:
            results.append(await work(progress))
        except (Exception, KeyboardInterrupt) as fault:  # noqa: BLE001 - raised below as it is: the nursery would wrap it in a group
            failure = fault
        finally:
            progress.end()
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return results[0]
