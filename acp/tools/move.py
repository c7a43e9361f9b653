"""move_file: another name or place for a file or directory, never over something that exists."""

from __future__ import annotations

import errno
import os
from typing import Annotated, Final

import trio
from msgspec import Meta

from ..jsonrpc import JsonObject
from ..workbench import Workbench
from .base import Action, Arguments, Output, Progress, ToolFault, read_arguments
from .paths import Target, fault_of, parent_of

__all__ = ["DESCRIPTION", "Parameters", "prepare"]

DESCRIPTION: Final = "Move or rename a file or directory. The new name must not exist yet."


class Parameters(Arguments):
    """Of move_file."""

    source: Annotated[str, Meta(description="What to move, absolute or relative to the working directory.")]
    destination: Annotated[str, Meta(description="Its new path.")]


async def prepare(bench: Workbench, arguments: JsonObject) -> Action:
    """Judge both paths."""
    wanted = read_arguments(Parameters, arguments)
    source = await trio.to_thread.run_sync(bench.roots.resolve_entry, wanted.source)
    destination = await trio.to_thread.run_sync(bench.roots.resolve_entry, wanted.destination)
    await trio.to_thread.run_sync(_look, source, destination)

    async def run(_: Progress) -> Output:
        await trio.to_thread.run_sync(_move, source, destination)
        bench.files.forget(source)
        return Output(f"Moved {source.shown} to {destination.shown}")

    return Action(
        f"Move {source.shown} to {destination.shown}",
        run,
        grant=f"move {source.real}\0{destination.real}",
        locations=[source.location, destination.location],
    )


def _look(source: Target, destination: Target) -> None:
    try:
        with parent_of(source) as parent:
            os.stat(source.parts[-1], dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        raise fault_of(error, source.shown) from None
    try:
        with parent_of(destination) as parent:
            os.stat(destination.parts[-1], dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return
    except OSError as error:
        raise fault_of(error, destination.shown) from None
    raise ToolFault(f"{destination.shown}: it exists already")


def _move(source: Target, destination: Target) -> None:
    try:
        with parent_of(source) as here, parent_of(destination, create=True) as there:
            try:
                os.stat(destination.parts[-1], dir_fd=there, follow_symlinks=False)
            except FileNotFoundError:
                os.rename(source.parts[-1], destination.parts[-1], src_dir_fd=here, dst_dir_fd=there)
            else:
                raise OSError(errno.EEXIST, "")
    except OSError as error:
        raise fault_of(error, f"{source.shown} to {destination.shown}") from None
