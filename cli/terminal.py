"""Tables as rich draws them. Imported only where stdout is a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:
    from .output import Cell, Table, Tone

__all__ = ["show"]

_STYLES: Mapping[Tone, str] = MappingProxyType(
    {"": "", "good": "green", "bad": "bold red", "odd": "yellow", "dim": "dim", "strong": "bold"}
)


def show(tables: Sequence[Table]) -> None:
    """Print tables as wide as the terminal; what does not fit is wrapped, never cut."""
    console = Console(markup=False, highlight=False, emoji=False)
    for number, table in enumerate(tables):
        if number:
            console.print()
        if table.title:
            console.print(Text(table.title, "bold"))
        console.print(_drawn(table))


def _drawn(table: Table) -> RichTable:
    drawn = RichTable(
        box=box.SIMPLE_HEAD if table.columns else None,
        show_edge=False,
        show_header=bool(table.columns),
        pad_edge=bool(table.title),
    )
    for number in range(len(table.columns) or max((len(row) for row in table.rows), default=0)):
        heading = table.columns[number] if table.columns else ""
        drawn.add_column(heading.upper(), header_style="dim", overflow="fold")
    for row in table.rows:
        drawn.add_row(*map(_styled, row))
    return drawn


def _styled(cell: Cell | str) -> Text:
    if isinstance(cell, str):
        return Text(cell)
    return Text(cell.text, _STYLES[cell.tone])
