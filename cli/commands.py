"""The table of commands. A command's file is imported when it is the one to run: help, completion and the version
need none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

__all__ = ["COMMANDS", "Commands", "Row"]


class Row(NamedTuple):
    """Where a command stands, and what it does, in the words of the overview."""

    module: str
    attribute: str
    summary: str

    def load(self) -> click.Command:
        """The command itself."""
        command: click.Command = getattr(import_module(self.module), self.attribute)
        return command


COMMANDS: Mapping[str, Row] = MappingProxyType(
    {
        "run": Row("continuum.cli.run", "run_prompt", "Ask one question; the answer streams to stdout."),
        "models": Row("continuum.cli.models", "models", "List the models there are, and who serves each."),
        "backends": Row("continuum.cli.backends", "backends", "List the backends, or ask each for a sign of life."),
        "doctor": Row("continuum.cli.doctor", "doctor", "Say what was found, what is wrong, and how to mend it."),
        "admin": Row("continuum.cli.admin", "admin", "Change a running router: sections, versions, backends, keys."),
        "config": Row("continuum.cli.config", "config", "Write, check, show or describe the configuration."),
        "completion": Row("continuum.cli.completion", "completion", "Print what makes a shell complete commands."),
    }
)


class Commands(click.Group):
    """A group whose commands are the rows of COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Their names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of this name, imported now."""
        row = COMMANDS.get(cmd_name)
        return row.load() if row is not None else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The overview, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.summary) for name, row in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands from the table alone, options as everywhere."""
        named = [
            CompletionItem(name, help=row.summary) for name, row in COMMANDS.items() if name.startswith(incomplete)
        ]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]
