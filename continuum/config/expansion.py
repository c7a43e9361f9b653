"""`${VAR}` and `${VAR:-default}` in a file's string values; `$${` stands for `${`.

What a variable holds is never shown.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from continuum.config.plain import is_list, is_mapping
from continuum.config.section import Group, Path
from continuum.config.shape import from_text

_OPENING = "${"
_REFERENCE = re.compile(
    r"\$\$\{(?P<escaped>)"
    r"|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<given>:-(?P<default>[^}]*))?\}|(?P<broken>))"
)
_MALFORMED = "malformed reference: write ${NAME} or ${NAME:-default}, and $${ for a literal ${"


@dataclass(frozen=True, slots=True)
class Reference:
    """A file's string that holds `${`, as written: expanded at each load, and the only thing that ever is.

    Plain data in which such strings are References is in *stored form*. It is a type of its own, and not a mapping
    like the `{"$env": text}` that a version's line has for it: no request body can hold one.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A reference that cannot be expanded: where, and what is wrong."""

    path: Path
    rule: str


def stored_form(data: Any) -> Any:
    """A file's data in stored form."""
    if is_mapping(data):
        return {key: stored_form(inner) for key, inner in data.items()}
    if is_list(data):
        return [stored_form(inner) for inner in data]
    return Reference(data) if isinstance(data, str) and _OPENING in data else data


def as_written(data: Any) -> Any:
    """Data in stored form as a file has it."""
    if is_mapping(data):
        return {key: as_written(inner) for key, inner in data.items()}
    if is_list(data):
        return [as_written(inner) for inner in data]
    return data.text if isinstance(data, Reference) else data


def expand(
    root: type[Group], data: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[dict[str, Any], list[Missing]]:
    """Data in stored form with its references expanded, and every one that could not be (left as written)."""
    missing: list[Missing] = []

    def walk(value: object, path: Path) -> object:
        if is_mapping(value):
            return {key: walk(inner, (*path, key)) for key, inner in value.items()}
        if is_list(value):
            return [walk(inner, (*path, index)) for index, inner in enumerate(value)]
        if not isinstance(value, Reference):
            return value
        faults = list(_faults(value.text, environ))
        if faults:
            missing.extend(Missing(path, rule) for rule in faults)
            return value.text
        text = _REFERENCE.sub(lambda match: _expansion(match, environ), value.text)
        whole = _REFERENCE.fullmatch(value.text)
        return from_text(root, path, text) if whole and whole["name"] else text

    return {key: walk(value, (key,)) for key, value in data.items()}, missing


def _faults(text: str, environ: Mapping[str, str]) -> Iterator[str]:
    for match in _REFERENCE.finditer(text):
        if match["broken"] is not None:
            yield _MALFORMED
        elif match["name"] and match["name"] not in environ and match["given"] is None:
            yield f"environment variable {match['name']} is not set"


def _expansion(match: re.Match[str], environ: Mapping[str, str]) -> str:
    if match["escaped"] is not None:
        return "${"
    value = environ.get(match["name"], "")
    return value if value or match["given"] is None else match["default"]
