"""edit_file: one text in a file replaced by another."""

from __future__ import annotations

from typing import Annotated, Final

import trio
from msgspec import Meta

from ..jsonrpc import JsonObject
from ..workbench import Workbench
from .base import Action, Arguments, ToolFault, read_arguments
from .change import change

__all__ = ["DESCRIPTION", "Parameters", "prepare"]

DESCRIPTION: Final = "Replace a text in a file. old_text must occur in the file exactly as given, and only once."


class Parameters(Arguments):
    """Of edit_file."""

    path: Annotated[str, Meta(description="The file, absolute or relative to the working directory.")]
    old_text: Annotated[str, Meta(description="The text to replace, with enough around it to be unique.")]
    new_text: Annotated[str, Meta(description="What to put in its place.")]
    replace_all: Annotated[bool, Meta(description="Replace every occurrence.")] = False


async def prepare(bench: Workbench, arguments: JsonObject) -> Action:
    """Read the file and make the new text."""
    wanted = read_arguments(Parameters, arguments)
    target = await trio.to_thread.run_sync(bench.roots.resolve, wanted.path)
    text = await bench.files.read(target)
    if text is None:
        raise ToolFault(f"{target.shown}: no such file; write_file makes new ones")
    bench.files.check_seen(target, text)
    old, new = wanted.old_text, wanted.new_text
    if old not in text and "\r\n" in text:  # models write plain newlines whatever the file has
        old, new = (part.replace("\r\n", "\n").replace("\n", "\r\n") for part in (old, new))
    found = text.count(old) if old else 0
    if not found:
        raise ToolFault(f"{target.shown}: old_text does not occur in it. Read the file and copy the text exactly")
    if found > 1 and not wanted.replace_all:
        raise ToolFault(f"{target.shown}: old_text occurs {found} times. Give more of the text around, or replace_all")
    return change(bench, target, text, text.replace(old, new), shown=(old, new))
