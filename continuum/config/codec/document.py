"""What configuration text becomes, how large it may be, and how it is refused."""

import re
from dataclasses import dataclass, field
from datetime import date, time
from math import isfinite
from typing import Any

from continuum.config.plain import is_list, is_mapping
from continuum.config.section import Path
from continuum.errors import ConfigProblem, ParseError

__all__ = ["DEEPEST", "LARGEST_FILE", "MOST_VALUES", "Document", "Parsed", "one_line", "plain_values", "refused"]

LARGEST_FILE = 1024 * 1024
"""Bytes."""
DEEPEST = 60
MOST_VALUES = 50_000
"""Far more than any configuration holds, and read in about a second."""

Parsed = tuple[Any, dict[Path, int]]
"""Plain data, and the line of each path where that is known."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says: nested plain data, and for each path the line (from 1) of its key where that is known."""

    data: dict[str, Any]
    file: str = ""
    lines: dict[Path, int] = field(default_factory=dict[Path, int])

    def holds(self, path: Path) -> bool:
        """Is something written at this path?"""
        value: Any = self.data
        for part in path:
            try:
                value = value[part]
            except (LookupError, TypeError):
                return False
        return True

    def line(self, path: Path) -> int | None:
        """The line of a path, or of the nearest thing around it that is written in the file."""
        lengths = range(len(path), 0, -1)
        return next((self.lines[path[:length]] for length in lengths if path[:length] in self.lines), None)


def refused(file: str, rule: str, line: int | None = None, path: Path = (), *, column: int | None = None) -> ParseError:
    """The one fault of a text. line, column: from 1."""
    return ParseError([ConfigProblem(rule, ".".join(map(str, path)), file, line, column)])


def one_line(text: str) -> str:
    """A parser's own words, fit for a message."""
    return re.sub(r"\s+", " ", text)[:200]


def plain_values(value: Any, file: str, path: Path = ()) -> Any:
    """Dates as text, no number that is not finite, nothing too deep."""
    if (is_mapping(value) or is_list(value)) and len(path) >= DEEPEST:
        raise refused(file, f"is nested deeper than {DEEPEST} levels")
    if is_mapping(value):
        return {key: plain_values(inner, file, (*path, key)) for key, inner in value.items()}
    if is_list(value):
        return [plain_values(inner, file, (*path, index)) for index, inner in enumerate(value)]
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, float) and not isfinite(value):
        raise refused(file, "must be a finite number", None, path)
    return value
