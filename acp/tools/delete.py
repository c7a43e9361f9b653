"""delete_file: a file, a link or an empty directory."""

from __future__ import annotations

import os
import stat
from typing import Annotated, Final

import trio
from msgspec import Meta

from ..jsonrpc import JsonObject
from ..workbench import Workbench
from .base import Action, Arguments, Output, Progress, ToolFault, read_arguments
from .paths import Target, fault_of, parent_of

__all__ = ["DESCRIPTION", "Parameters", "prepare"]

DESCRIPTION: Final = "Delete a file or an empty directory."


class Parameters(Arguments):
    """Of delete_file."""

    path: Annotated[str, Meta(description="What to delete, absolute or relative to the working directory.")]


async def prepare(bench: Workbench, arguments: JsonObject) -> Action:
    """Judge the path."""
    wanted = read_arguments(Parameters, arguments)
    target = await trio.to_thread.run_sync(bench.roots.resolve_entry, wanted.path)
    await trio.to_thread.run_sync(_look, target)

    async def run(_: Progress) -> Output:
        await trio.to_thread.run_sync(_delete, target)
        bench.files.forget(target)
        return Output(f"Deleted {target.shown}")

    title = f"Delete {target.shown}"
    return Action(title, run, grant=f"delete {target.real}", locations=[target.location])


def _look(target: Target) -> None:
    try:
        with parent_of(target) as parent:
            kind = os.stat(target.parts[-1], dir_fd=parent, follow_symlinks=False).st_mode
    except OSError as error:
        raise fault_of(error, target.shown) from None
    if not (stat.S_ISREG(kind) or stat.S_ISLNK(kind) or stat.S_ISDIR(kind)):
        raise ToolFault(f"{target.shown}: refused: it is not a regular file")


def _delete(target: Target) -> None:
    name = target.parts[-1]
    try:
        with parent_of(target) as parent:
            kind = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
            (os.rmdir if stat.S_ISDIR(kind) else os.unlink)(name, dir_fd=parent)
    except OSError as error:
        raise fault_of(error, target.shown) from None
