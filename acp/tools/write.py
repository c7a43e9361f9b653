"""write_file: a file's whole text, new or instead of the old one."""

from __future__ import annotations

from typing import Annotated, Final

import trio
from msgspec import Meta

from ..jsonrpc import JsonObject
from ..workbench import Workbench
from .base import Action, Arguments, ToolFault, read_arguments
from .change import change

__all__ = ["DESCRIPTION", "Parameters", "prepare"]

DESCRIPTION: Final = "Write a whole text file. It is created with its directories if it does not exist."

_SHOWN: Final = 2000


class Parameters(Arguments):
    """Of write_file."""

    path: Annotated[str, Meta(description="The file, absolute or relative to the working directory.")]
    content: Annotated[str, Meta(description="The whole text.")]


async def prepare(bench: Workbench, arguments: JsonObject) -> Action:
    """Read what is there now: the user sees what would be lost."""
    wanted = read_arguments(Parameters, arguments)
    target = await trio.to_thread.run_sync(bench.roots.resolve, wanted.path)
    if not target.parts:
        raise ToolFault(f"{target.shown}: it is a directory")
    text = await bench.files.read(target)
    if text is not None:
        bench.files.check_seen(target, text)
    return change(bench, target, text, wanted.content, shown=((text or "")[:_SHOWN], wanted.content[:_SHOWN]))
