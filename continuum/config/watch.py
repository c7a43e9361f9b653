"""Files that are watched: says when one of them is another than before, however its writer goes about it.

Events of the file system bring the news at once; a look twice a second catches what they miss (network file systems,
folders that are not there yet). Looks at names, sizes and times, never into a file. One thread does both: trio's tasks
are woken by a change alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import trio
import watchfiles

__all__ = ["Stamp", "stamp", "watch"]

_log = logging.getLogger("continuum.config")

LOOK_EVERY: Final = 0.5
SETTLED_AFTER: Final = 0.05
"""A file that has not changed for so long is written."""
_STEP: Final = 100
"""Milliseconds between two looks for events, and in which several count as one."""
_LONGEST_SETTLING: Final = 0.4
"""One that never rests is read all the same: who watches it waits."""

Stamp = tuple[str, int, int, int] | None
Files = Callable[[], Collection[Path]]


def stamp(path: Path) -> Stamp:
    """What differs after a file was written, replaced, or reached through another link; None where there is none."""
    try:
        real = path.resolve(strict=True)
        found = real.stat()
    except (OSError, RuntimeError):
        return None
    return str(real), found.st_ino, found.st_size, found.st_mtime_ns


async def watch(files: Files, changed: Callable[[set[Path]], Awaitable[None]]) -> None:
    """Call `changed` with those of `files` (asked for anew each time, in a thread) that are others than they were.
    Never returns.

    A file that is written meanwhile is told once it rests; so is one that has gone, or come. At first all are told:
    they may have changed since somebody read them.
    """
    seen = dict[Path, Stamp]()
    while True:
        await _change(files, seen)
        now = await _settled(files)
        different = {path for path in {*seen, *now} if seen.get(path) != now.get(path)}
        seen = now
        if different:
            await changed(different)


async def _change(files: Files, seen: Mapping[Path, Stamp]) -> None:
    """Return once the files' stamps are not these."""
    stop = threading.Event()

    def look() -> None:
        with closing(_occasions(_folders(files()), stop)) as occasions:
            for _ in occasions:
                if _stamps(files()) != seen:
                    return

    try:
        await trio.to_thread.run_sync(look, abandon_on_cancel=True)
    finally:
        stop.set()  # the thread ends within a step


def _occasions(folders: Collection[Path], stop: threading.Event) -> Generator[None]:
    """When to look: at once, at each event in one of the folders, and every LOOK_EVERY beside; until `stop`."""
    yield
    try:
        for _ in _events(folders, stop) if folders else ():
            yield
    except (OSError, RuntimeError) as fault:  # no watches left, or a folder is gone meanwhile
        _log.debug("no events from the file system: %s", fault)
    while not stop.wait(LOOK_EVERY):
        yield


def _events(folders: Collection[Path], stop: threading.Event) -> Generator[object]:
    return watchfiles.watch(
        *folders,
        watch_filter=None,
        recursive=False,
        step=_STEP,
        debounce=_STEP,
        rust_timeout=round(LOOK_EVERY * 1000),
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=False,
    )


async def _settled(files: Files) -> dict[Path, Stamp]:
    def stamps() -> dict[Path, Stamp]:
        return _stamps(files())

    now = await trio.to_thread.run_sync(stamps)
    for _ in range(round(_LONGEST_SETTLING / SETTLED_AFTER)):
        await trio.sleep(SETTLED_AFTER)
        before, now = now, await trio.to_thread.run_sync(stamps)
        if now == before:
            break
    return now


def _stamps(files: Collection[Path]) -> dict[Path, Stamp]:
    return {path: stamp(path) for path in files}


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
