"""Configuration text to plain data that knows its lines: strict YAML, TOML and JSON.

Refused before anything is composed: aliases, tags, depth over 60, several documents, duplicate keys.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from math import isfinite
from pathlib import Path as File
from typing import Any

import tomli_w
import yaml

from continuum.config.plain import is_list, is_mapping
from continuum.config.scalar import resolve
from continuum.config.section import Path
from continuum.errors import ConfigProblem, ParseError

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml: slower, the same events
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

LARGEST_FILE = 1024 * 1024
"""Bytes."""
DEEPEST = 60
MOST_VALUES = 50_000
"""Far more than any configuration holds, and read in about a second."""
_MOST_PROBLEMS = 50


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


def read(path: File, *, list_of: str = "") -> Document:
    """Read and parse a file; its suffix says the format, YAML where it says nothing. ParseError names file and line.

    list_of: the key whose value a file may also hold bare, as a list.
    """
    file = str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _refused(file, f"cannot be read: {_REASONS.get(type(error), error.strerror or 'I/O error')}") from None
    if len(content) > LARGEST_FILE:
        raise _refused(file, "is larger than 1 MiB")
    return parse(_decoded(content, file), path.suffix.lower().removeprefix("."), file, list_of=list_of)


_REASONS: dict[type[OSError], str] = {
    FileNotFoundError: "no such file",
    IsADirectoryError: "it is a directory",
    PermissionError: "permission denied",
}
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


def _decoded(content: bytes, file: str) -> str:
    if content.startswith(_WIDE_MARKS):
        raise _refused(file, "is UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(file, "is not UTF-8 text", line) from None


def parse(text: str, form: str, file: str = "", *, list_of: str = "") -> Document:
    """Parse text of the form `yaml`, `toml` or `json`. An empty text is an empty mapping."""
    data, lines = _FORMS.get(form, _yaml)(text, file)
    if list_of and is_list(data):
        data, lines = {list_of: data}, {(list_of, *path): line for path, line in lines.items()}
    if is_mapping(data):
        return Document(dict(data), file, lines)
    if data is None:
        return Document({}, file)
    raise _refused(file, f"must hold a mapping of sections at its top, not {_kind(data)}")


def dump(data: Mapping[str, Any]) -> str:
    """Plain data as YAML that `parse` reads back the same, keys in the order given."""
    return yaml.dump(dict(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def dump_toml(data: Mapping[str, Any]) -> str:
    """The same as TOML."""
    return tomli_w.dumps(data)


class _Dumper(yaml.SafeDumper):
    """Quotes what our reading of unquoted text would not give back as the same string; repeats rather than aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True

    def string(self, text: str) -> yaml.ScalarNode:
        """Represent one string."""
        style = "'" if _changes(text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style)  # pyright: ignore[reportUnknownMemberType]


def _changes(text: str) -> bool:
    try:
        return not isinstance(resolve(text), str)
    except ValueError:
        return True


_Dumper.add_representer(str, _Dumper.string)


def _refused(
    file: str, rule: str, line: int | None = None, path: Path = (), *, column: int | None = None
) -> ParseError:
    return ParseError([ConfigProblem(rule, ".".join(map(str, path)), file, line, column)])


def _kind(value: object) -> str:
    return "a list" if is_list(value) else "a single value"


Parsed = tuple[Any, dict[Path, int]]


def _yaml(text: str, file: str) -> Parsed:
    reader = _YamlReader(file)
    try:
        return reader.document(_events(text)), reader.lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        rule = f"not valid YAML: {error.problem or error.context}"
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise _refused(file, _plain(rule), line, column=column) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if error.position >= 0 else None
        raise _refused(file, "not valid YAML: holds a control character", line) from None
    except yaml.YAMLError:
        raise _refused(file, "not valid YAML") from None


def _events(text: str) -> Iterator[Any]:
    return yaml.parse(text, Loader=Loader)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - a partial stub


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)[:200]


class _YamlReader:
    """Builds plain data from parse events; never composes, so nothing can be shared, tagged or repeated."""

    def __init__(self, file: str) -> None:
        self.lines: dict[Path, int] = {}
        self._file = file
        self._problems: list[ConfigProblem] = []
        self._count = 0

    def document(self, events: Iterator[Any]) -> Any:
        next(events)  # the stream's start
        event = next(events)
        if isinstance(event, yaml.StreamEndEvent):
            return None
        data = self._value(events, next(events), ())
        next(events)  # the document's end
        event = next(events)
        if isinstance(event, yaml.DocumentStartEvent):
            self._refuse("holds more than one document", event, ())
        if self._problems:
            raise ParseError(self._problems)
        return data

    def _refuse(self, rule: str, event: Any, path: Path) -> None:
        column = event.start_mark.column + 1
        self._problems.append(ConfigProblem(rule, ".".join(map(str, path)), self._file, _line(event), column))
        if len(self._problems) >= _MOST_PROBLEMS:
            raise ParseError(self._problems)

    def _value(self, events: Iterator[Any], event: Any, path: Path) -> Any:
        self._count += 1
        if self._count > MOST_VALUES:
            raise _refused(self._file, f"holds more than {MOST_VALUES} values", _line(event))
        if isinstance(event, yaml.AliasEvent):
            self._refuse("YAML aliases are not taken", event, path)
            return None
        if event.anchor is not None:
            self._refuse("YAML anchors are not taken", event, path)
        if event.tag is not None:
            self._refuse("YAML tags are not taken", event, path)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if len(path) >= DEEPEST:
            raise _refused(self._file, f"is nested deeper than {DEEPEST} levels", _line(event))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        return self._mapping(events, path)

    def _scalar(self, event: Any, path: Path) -> Any:
        if not event.implicit[0]:  # quoted, or a block
            return event.value
        try:
            return resolve(event.value)
        except ValueError as error:
            self._refuse(str(error), event, path)
            return None

    def _sequence(self, events: Iterator[Any], path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            inner = (*path, len(items))
            self.lines.setdefault(inner, _line(event))
            items.append(self._value(events, event, inner))
        return items

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _refused(self._file, "a key must be plain text", _line(event), path)
            if event.anchor is not None or event.tag is not None:
                self._refuse("YAML anchors and tags are not taken", event, path)
            inner = (*path, event.value)
            if event.value in mapping:
                self._refuse(f"is given twice, first on line {self.lines[inner]}", event, inner)
                self._value(events, next(events), inner)
                continue
            self.lines[inner] = _line(event)
            mapping[event.value] = self._value(events, next(events), inner)
        return mapping


def _toml(text: str, file: str) -> Parsed:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        rule, _, place = str(error).partition(" (at ")
        found = re.match(r"line ([0-9]+), column ([0-9]+)", place)
        line = int(found[1]) if found else text.count("\n") + 1
        column = int(found[2]) if found else len(text.rpartition("\n")[2]) + 1
        raise _refused(file, f"not valid TOML: {_plain(rule)}", line, column=column) from None
    except RecursionError:
        raise _refused(file, f"is nested deeper than {DEEPEST} levels") from None
    return _plain_values(data, file), {}


def _plain_values(value: Any, file: str, path: Path = ()) -> Any:
    """Dates as text, no number that is not finite, nothing too deep."""
    if (is_mapping(value) or is_list(value)) and len(path) >= DEEPEST:
        raise _refused(file, f"is nested deeper than {DEEPEST} levels")
    if is_mapping(value):
        return {key: _plain_values(inner, file, (*path, key)) for key, inner in value.items()}
    if is_list(value):
        return [_plain_values(inner, file, (*path, index)) for index, inner in enumerate(value)]
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, float) and not isfinite(value):
        raise _refused(file, "must be a finite number", None, path)
    return value


def _json(text: str, file: str) -> Parsed:
    if not text.strip():
        return None, {}
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _refused(file, f"not valid JSON: {error.msg}", error.lineno, column=error.colno) from None
    except ValueError as error:
        raise _refused(file, _plain(str(error))) from None
    except RecursionError:
        raise _refused(file, f"is nested deeper than {DEEPEST} levels") from None
    data = _plain_values(data, file)
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


_FORMS: dict[str, Callable[[str, str], Parsed]] = {"yaml": _yaml, "yml": _yaml, "toml": _toml, "json": _json}
