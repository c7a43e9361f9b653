"""What commands print: tables for people, JSON for programs.

On a terminal the tables are drawn by rich (terminal.py); into a pipe, and with NO_COLOR, they are aligned text without
colour, a row a line however long.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, NamedTuple

import click

__all__ = ["Cell", "Table", "Tone", "in_colour", "print_json", "show"]

Tone = Literal["", "good", "bad", "odd", "dim", "strong"]

_TERMINAL = "continuum.cli.terminal"  # imported where there is one: rich costs as much as all the rest
_GAP = "  "


class Cell(NamedTuple):
    """Text in a table, and what it means."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below a title; without columns they have no headings."""

    rows: Sequence[Sequence[Cell | str]]
    columns: Sequence[str] = ()
    title: str = ""


def in_colour() -> bool:
    """Whether stdout is a terminal that people want coloured."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def print_json(value: Mapping[str, object]) -> None:
    """One object, for programs."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def show(*tables: Table) -> None:
    """Print tables, an empty line between two."""
    if in_colour():
        import_module(_TERMINAL).show(tables)
        return
    click.echo("\n\n".join("\n".join(_plain(table)) for table in tables))


def _plain(table: Table) -> list[str]:
    rows = [[_text(cell) for cell in row] for row in table.rows]
    if table.columns:
        rows.insert(0, [column.upper() for column in table.columns])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    indent = _GAP if table.title else ""
    lines = [indent + _GAP.join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return [table.title, *lines] if table.title else lines


def _text(cell: Cell | str) -> str:
    text = cell.text if isinstance(cell, Cell) else cell
    return "".join(char if char.isprintable() else "?" for char in text)
