"""The reference of the command line in Markdown, read off click and the shapes: docs/cli.md is exactly this."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import click

from .app import app
from .shapes import Backends, Checked, Models, Probes, Report

__all__ = ["markdown"]

_HEAD = """\
# The command line

Written by `scripts/generate.py` from the code. `continuum COMMAND --help` says the same.

Exit status: 0 when all is well, 1 when something failed, 2 for a configuration or a command line that cannot be used. \
Tables are drawn on a terminal; into a pipe, and with `NO_COLOR` set, they are aligned text. What takes over a second \
is told on stderr. Keys are never printed, but one that `admin keys` \
has just made.
"""
_SHAPES: Mapping[str, type] = {
    "doctor": Report,
    "backends list": Backends,
    "backends probe": Probes,
    "models": Models,
    "config check": Checked,
}
_JSON = """\
## JSON

What `--json` prints. Keys are added over time, never renamed or taken away.
"""
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}


def markdown() -> str:
    """The whole document."""
    context = click.Context(app, info_name="continuum")
    parts = [_HEAD, "\n".join(_command(context, app)), *_commands(context), _JSON, *_shapes()]
    return "\n".join(parts)


def _commands(context: click.Context) -> Iterator[str]:
    group = context.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            inner = click.Context(command, info_name=name, parent=context)
            yield "\n".join(_command(inner, command))
            yield from _commands(inner)


def _command(context: click.Context, command: click.Command) -> Iterator[str]:
    usage = command.get_usage(context).removeprefix("Usage: ")
    yield f"## {context.command_path}\n\n```\n{' '.join(usage.split())}\n```\n"
    text, _, example = cleandoc(command.help or "").partition("\b\n")
    yield f"{text.strip()}\n"
    if example:
        yield f"```\n{example.strip()}\n```\n"
    rows = [
        record
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option)
        and parameter.name != "help"
        and (record := parameter.get_help_record(context)) is not None
    ]
    if rows:
        yield "| option | meaning |\n| --- | --- |"
        yield from (f"| `{_cell(names)}` | {_cell(meaning)} |" for names, meaning in rows)
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _shapes() -> Iterator[str]:
    said: set[type] = set()
    for command, shape in _SHAPES.items():
        yield f"### continuum {command}\n"
        yield from _shape(shape, said)


def _shape(shape: type, said: set[type]) -> Iterator[str]:
    """The table of a shape, then those of the shapes within it that were not shown before."""
    said.add(shape)
    hints = get_type_hints(shape)
    yield f"{cleandoc(shape.__doc__ or '')}\n\n| {shape.__name__} | type |\n| --- | --- |"
    yield from (f"| `{name}` | {_named(hint)} |" for name, hint in hints.items())
    yield ""
    for hint in hints.values():
        inner: Any = get_args(hint)[0] if get_origin(hint) is list else hint
        if is_typeddict(inner) and inner not in said:
            yield from _shape(inner, said)


def _named(hint: Any) -> str:
    if get_origin(hint) is list:
        return f"list of {_named(get_args(hint)[0])}"
    if isinstance(hint, UnionType):
        (some,) = (each for each in get_args(hint) if each is not NoneType)
        return f"{_named(some)} or null"
    return _PLAIN.get(hint) or hint.__name__
