"""search: lines by regular expression, or files by name; what gitignore leaves out is left out."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Final

import trio
from msgspec import Meta

from ..jsonrpc import JsonObject, is_object
from ..workbench import Workbench
from .base import Action, Arguments, Output, Progress, ToolFault, read_arguments
from .command import run_command
from .environment import command_environment
from .grep import Query
from .paths import Target

__all__ = ["DESCRIPTION", "Parameters", "prepare"]

DESCRIPTION: Final = "Find lines by regular expression, or files by name, below a directory. Skips what git ignores."

_SECONDS: Final = 20.0  # of searching; then what was found so far is given
_MARGIN: Final = 5.0  # seconds beyond, for a pattern that never ends


class Parameters(Arguments):
    """Of search."""

    pattern: Annotated[str, Meta(description="A regular expression for lines; empty: list the files.")] = ""
    path: Annotated[str, Meta(description="Where to look; the working directory by default.")] = "."
    glob: Annotated[str, Meta(description="Only files whose path fits, say *.py or src/**/*.c.")] = ""
    ignore_case: Annotated[bool, Meta(description="Whether upper and lower case are the same.")] = False
    limit: Annotated[int, Meta(ge=1, le=2000, description="The most results to give.")] = 200


async def prepare(bench: Workbench, arguments: JsonObject) -> Action:
    """Judge the path."""
    wanted = read_arguments(Parameters, arguments)
    if not wanted.pattern and not wanted.glob:
        raise ToolFault("Give a pattern, a glob, or both")
    target = await trio.to_thread.run_sync(bench.roots.resolve, wanted.path)

    async def run(_: Progress) -> Output:
        return await _search(target, wanted)

    what = f"lines with {wanted.pattern}" if wanted.pattern else f"files named {wanted.glob}"
    title = f"Search {target.shown} for {what}"
    return Action(title, run, grant=f"search {target.real}", locations=[target.location])


async def _search(target: Target, wanted: Parameters) -> Output:
    query = Query(target.root, target.parts, wanted.pattern, wanted.glob, wanted.limit, _SECONDS, wanted.ignore_case)
    argv = [sys.executable, "-P", "-m", "continuum.acp.tools.grep", json.dumps(query._asdict())]
    environment = command_environment(os.environ)
    try:
        ended = await run_command(argv, cwd="/", environment=environment, timeout_s=_SECONDS + _MARGIN)
    except OSError as error:
        raise ToolFault(f"The search cannot be started: {error.strerror}") from None
    if ended.timed_out:
        raise ToolFault("The search took too long. Use a simpler pattern, or look in fewer files")
    try:
        answer = json.loads(ended.output.text)
    except ValueError:
        raise ToolFault("The search broke off. Ask for fewer results") from None
    if not is_object(answer) or "fault" in answer:
        raise ToolFault(f"{target.shown}: {answer.get('fault') if is_object(answer) else 'no answer'}")
    found = "\n".join(answer["results"]) or "Nothing found"
    return Output(f"{found}\n(there may be more)" if answer["cut_short"] else found)
