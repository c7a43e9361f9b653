"""YAML, read strictly and written so that it reads back the same.

Refused before anything is composed: aliases, tags, depth over 60, several documents, duplicate keys.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from continuum.config.codec.document import DEEPEST, MOST_VALUES, Parsed, one_line, refused
from continuum.config.scalar import resolve
from continuum.config.section import Path
from continuum.errors import ConfigProblem, ParseError

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml: slower, the same events
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

__all__ = ["dump", "read_yaml"]

_MOST_PROBLEMS = 50


def read_yaml(text: str, file: str) -> Parsed:
    """Raises ParseError with every fault, 50 at the most."""
    reader = _YamlReader(file)
    try:
        return reader.document(_events(text)), reader.lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        rule = f"not valid YAML: {error.problem or error.context}"
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise refused(file, one_line(rule), line, column=column) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if error.position >= 0 else None
        raise refused(file, "not valid YAML: holds a control character", line) from None
    except yaml.YAMLError:
        raise refused(file, "not valid YAML") from None


def _events(text: str) -> Iterator[Any]:
    return yaml.parse(text, Loader=Loader)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - a partial stub


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1


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
            raise refused(self._file, f"holds more than {MOST_VALUES} values", _line(event))
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
            raise refused(self._file, f"is nested deeper than {DEEPEST} levels", _line(event))
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
                raise refused(self._file, "a key must be plain text", _line(event), path)
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


def dump(data: Mapping[str, Any]) -> str:
    """Plain data as YAML that `parse` reads back the same, keys in the order given."""
    return yaml.dump(dict(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


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
