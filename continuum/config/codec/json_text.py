"""JSON, read strictly and with its lines: no key twice, no number that is not finite."""

import json
import re

from continuum.config.codec.document import DEEPEST, Parsed, one_line, plain_values, refused
from continuum.config.section import Path
from continuum.errors import ConfigProblem, ParseError

__all__ = ["read_json"]


def read_json(text: str, file: str) -> Parsed:
    """Raises ParseError."""
    if not text.strip():
        return None, {}
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise refused(file, f"not valid JSON: {error.msg}", error.lineno, column=error.colno) from None
    except ValueError as error:
        raise refused(file, one_line(str(error))) from None
    except RecursionError:
        raise refused(file, f"is nested deeper than {DEEPEST} levels") from None
    data = plain_values(data, file)
    lines, again = _json_lines(text)
    if again:
        raise ParseError(
            [
                ConfigProblem(f"is given twice, first on line {lines[path]}", ".".join(map(str, path)), file, line)
                for path, line in again
            ]
        )
    return data, lines


def _no_constant(name: str) -> float:
    raise ValueError(f"not valid JSON: {name} is not a finite number")


_JSON_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:\n]|[^\s"\[\]{},:]+')


def _json_lines(text: str) -> tuple[dict[Path, int], list[tuple[Path, int]]]:
    """The line of every key and item of valid JSON, and the keys that come again."""
    lines: dict[Path, int] = {}
    again: list[tuple[Path, int]] = []
    line = 1
    path: list[str | int] = []  # the key or index that is current in each open container
    due = False  # the next piece is a key or begins an item
    for piece in _JSON_PIECE.findall(text):
        if piece == "\n":
            line += 1
            continue
        if due and piece not in "}]":
            if isinstance(path[-1], str):
                path[-1] = json.loads(piece)
            here = tuple(path)
            if here in lines:
                again.append((here, line))
            lines.setdefault(here, line)
        due = piece in "{[,"
        if piece in "{[":
            path.append("" if piece == "{" else 0)
        elif piece in "}]":
            path.pop()
        elif piece == "," and isinstance(path[-1], int):
            path[-1] += 1
    return lines, again
