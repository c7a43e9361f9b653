"""run_command: one command line, in a terminal of the client's where it has them, else on this machine."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Sequence
from typing import Annotated, Final

import trio
from msgspec import Meta

from ..jsonrpc import JsonObject
from ..workbench import Workbench
from .base import Action, Arguments, Output, Progress, ToolFault, read_arguments, text_content
from .command import Ended, run_command
from .environment import command_environment
from .paths import Target
from .terminal import run_in_terminal

__all__ = ["DESCRIPTION", "Parameters", "prepare", "split"]

DESCRIPTION: Final = "Run a command line and see its output. There is no input, and nothing goes on in the background."

# Whatever a shell would do more with than split it at blanks and take quotes off.
_SHELL: Final = re.compile(r"[|&;<>()$`*?\[\]{}~#!\x00-\x1f\x7f]|^\s*\w+=")
_LONG: Final = 120  # characters of a command line that a title shows whole


class Parameters(Arguments):
    """Of run_command."""

    command: Annotated[str, Meta(description="The command line.")]
    cwd: Annotated[str, Meta(description="The directory to run it in; the working directory by default.")] = "."


def split(line: str) -> list[str] | None:
    """The words of a command line; None where only a shell can tell what it means."""
    if _SHELL.search(line):
        return None
    try:
        return shlex.split(line) or None
    except ValueError:  # a quote without its other half: the shell will say so
        return None


async def prepare(bench: Workbench, arguments: JsonObject) -> Action:
    """Judge the directory; find out whether a shell is needed."""
    wanted = read_arguments(Parameters, arguments)
    line = wanted.command.strip()
    if not line or "\0" in line:
        raise ToolFault("The command is empty" if not line else "The command holds a NUL byte")
    directory = await trio.to_thread.run_sync(bench.roots.resolve, wanted.cwd)
    if not await trio.to_thread.run_sync(os.path.isdir, directory.real):
        raise ToolFault(f"{directory.shown}: no such directory")
    words = split(line)
    argv = words or ["/bin/sh", "-c", line]

    async def run(progress: Progress) -> Output:
        if bench.client.can("terminal"):
            return await run_in_terminal(bench, argv, directory.shown, progress)
        return await _run_here(bench, argv, directory, progress)

    return Action(
        line,
        run,
        grant=f"execute {json.dumps([directory.real, *argv])}",
        locations=[directory.location] if directory.parts else [],
        content=text_content(line) if len(line) > _LONG or "\n" in line else [],
        compound=words is None,
    )


async def _run_here(bench: Workbench, argv: Sequence[str], directory: Target, progress: Progress) -> Output:
    limit_s = bench.tools.command_timeout
    environment = command_environment(os.environ)
    try:
        ended = await run_command(
            argv, cwd=directory.real, environment=environment, timeout_s=limit_s, progress=progress
        )
    except OSError as error:
        raise ToolFault(f"The command cannot be started: {error.strerror}") from None
    status, code = _in_words(ended, argv[0], limit_s)
    text = ended.output.text
    said = f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}({status})"
    raw = {"exitCode": code, "truncated": ended.output.truncated}
    return Output(said, raw=raw, failed=ended.timed_out or ended.fate.startswith("unrunnable"))


def _in_words(ended: Ended, program: str, limit_s: float) -> tuple[str, int | None]:
    if ended.timed_out:
        return f"stopped after {limit_s:g} s: the time limit", None
    match ended.fate.split():
        case ["exit", code]:
            return f"exit status {code}", int(code)
        case ["signal", number]:
            return f"ended by signal {number}", None
        case ["unrunnable", number]:
            return f"{program}: cannot be run: {os.strerror(int(number))}", None
        case _:
            return "ended, nobody knows how", None
