"""read_file: the text of a file, whole or some lines of it; the entries of a directory."""

from __future__ import annotations

import os
from typing import Annotated, Final

import trio
from msgspec import Meta

from ..jsonrpc import JsonObject
from ..workbench import Workbench
from .base import Action, Arguments, Output, Progress, ToolFault, read_arguments, text_content
from .files import NotText
from .paths import Target, fault_of, open_beneath

__all__ = ["DESCRIPTION", "Parameters", "prepare"]

DESCRIPTION: Final = "Read a text file, or list a directory."

_MOST_ENTRIES: Final = 1000


class Parameters(Arguments):
    """Of read_file."""

    path: Annotated[str, Meta(description="The file or directory, absolute or relative to the working directory.")]
    line: Annotated[int, Meta(ge=1, description="The first line to read, counted from 1.")] = 1
    limit: Annotated[int, Meta(ge=1, description="How many lines to read.")] = 2000


async def prepare(bench: Workbench, arguments: JsonObject) -> Action:
    """Judge the path."""
    wanted = read_arguments(Parameters, arguments)
    target = await trio.to_thread.run_sync(bench.roots.resolve, wanted.path)

    async def run(_: Progress) -> Output:
        entries = await trio.to_thread.run_sync(_entries, target, abandon_on_cancel=True)
        return Output(entries) if entries is not None else await _read(bench, target, wanted)

    location = target.location
    if wanted.line > 1:
        location["line"] = wanted.line
    return Action(f"Read {target.shown}", run, grant=f"read {target.real}", locations=[location])


async def _read(bench: Workbench, target: Target, wanted: Parameters) -> Output:
    try:
        text = await bench.files.read(target)
    except NotText as summary:
        return Output(str(summary))
    if text is None:
        raise ToolFault(f"{target.shown}: no such file or directory")
    bench.files.saw(target, text)
    lines = text.splitlines(keepends=True)
    chosen = lines[wanted.line - 1 : wanted.line - 1 + wanted.limit]
    said = "".join(chosen) or ("(the file is empty)" if not lines else f"(the file has only {len(lines)} lines)")
    if chosen and len(chosen) < len(lines):
        said += f"\n(lines {wanted.line} to {wanted.line + len(chosen) - 1} of {len(lines)})"
    return Output(said, content=text_content(said))


def _entries(target: Target) -> str | None:
    """A directory's entries, None when it is none."""
    try:
        fd = open_beneath(target, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise fault_of(error, target.shown) from None
    try:
        with os.scandir(fd) as found:
            names = sorted(entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "") for entry in found)
    finally:
        os.close(fd)
    if len(names) > _MOST_ENTRIES:
        names = [*names[:_MOST_ENTRIES], f"({len(names) - _MOST_ENTRIES} more entries)"]
    return "\n".join(name.encode("utf-8", "backslashreplace").decode() for name in names) or "(the directory is empty)"
