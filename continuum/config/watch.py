"""Files that are watched: says when one of them is another than before, however its writer goes about it.

Events of the file system bring the news at once; a look twice a second catches what they miss (network file systems,
folders that are not there yet). Looks at names, sizes and times, never into a file.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable
from pathlib import Path
from typing import Final

import trio
import watchfiles

__all__ = ["Stamp", "stamp", "watch"]

_log = logging.getLogger("continuum.config")

LOOK_EVERY: Final = 0.5
SETTLED_AFTER: Final = 0.05
"""A file that has not changed for so long is written."""
_STEP: Final = 50
"""Milliseconds between two looks for events, and in which several count as one."""
_LONGEST_SETTLING: Final = 0.4
"""One that never rests is read all the same: who watches it waits."""

Stamp = tuple[str, int, int, int] | None


def stamp(path: Path) -> Stamp:
    """What differs after a file was written, replaced, or reached through another link; None where there is none."""
    try:
        real = path.resolve(strict=True)
        found = real.stat()
    except (OSError, RuntimeError):
        return None
    return str(real), found.st_ino, found.st_size, found.st_mtime_ns


async def watch(files: Callable[[], Collection[Path]], changed: Callable[[set[Path]], Awaitable[None]]) -> None:
    """Call `changed` with those of `files` (asked for anew each time) that are others than they were. Never returns.

    A file that is written meanwhile is told once it rests; so is one that has gone, or come. At first all are told:
    they may have changed since somebody read them.
    """
    bell, seen = _Bell(), dict[Path, Stamp]()
    async with trio.open_nursery() as nursery:
        listening, folders = trio.CancelScope(), set[Path]()
        bell.ring()
        while True:
            wanted = await trio.to_thread.run_sync(_folders, files())
            if wanted != folders:
                listening.cancel()
                listening, folders = trio.CancelScope(), wanted
                nursery.start_soon(_listen, wanted, bell, listening)
            await bell.rung(LOOK_EVERY)
            now = await _settled(files)
            different = {path for path in {*seen, *now} if seen.get(path) != now.get(path)}
            seen = now
            if different:
                await changed(different)


class _Bell:
    def __init__(self) -> None:
        self._event = trio.Event()

    def ring(self) -> None:
        self._event.set()

    async def rung(self, within: float) -> None:
        with trio.move_on_after(within):
            await self._event.wait()
        self._event = trio.Event()


async def _listen(folders: Collection[Path], bell: _Bell, scope: trio.CancelScope) -> None:
    """Ring at each event in one of the folders. Where there can be none, the regular look remains."""
    stop = threading.Event()

    def hear() -> None:
        try:
            for _ in watchfiles.watch(
                *folders, recursive=False, step=_STEP, debounce=_STEP, stop_event=stop, raise_interrupt=False
            ):
                trio.from_thread.run_sync(bell.ring)
        except (OSError, RuntimeError) as fault:  # no watches left, a folder gone, or nobody there any more
            _log.debug("no events from the file system: %s", fault)

    try:
        with scope:
            await trio.to_thread.run_sync(hear, abandon_on_cancel=True)
    finally:
        stop.set()  # the thread ends within a step


async def _settled(files: Callable[[], Collection[Path]]) -> dict[Path, Stamp]:
    now = await _stamps(files())
    for _ in range(round(_LONGEST_SETTLING / SETTLED_AFTER)):
        await trio.sleep(SETTLED_AFTER)
        before, now = now, await _stamps(files())
        if now == before:
            break
    return now


async def _stamps(files: Collection[Path]) -> dict[Path, Stamp]:
    return await trio.to_thread.run_sync(lambda: {path: stamp(path) for path in files})


def _folders(files: Iterable[Path]) -> set[Path]:
    """Where the files lie, and where they lie in truth: links on the way are in one or the other."""
    found: set[Path] = set()
    for path in files:
        found.add(path.parent)
        try:
            found.add(path.resolve().parent)
        except (OSError, RuntimeError):
            continue
    return {folder for folder in found if folder.is_dir()}
