"""From a path and a verb to its row: plain words first, so that no section or backend can take one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from continuum.errors import ConfigError, ConfigProblem, MethodNotAllowed, NotFound
from continuum.http.admin.request import ANY, REST
from continuum.http.admin.routes import ROUTES

if TYPE_CHECKING:
    from hypercorn.typing import HTTPScope

    from continuum.http.admin.request import Row

__all__ = ["ROOT", "find", "is_admin"]

ROOT = "/admin"
_HEAD = "HEAD"


def is_admin(scope: HTTPScope) -> bool:
    """Does this request belong to the admin API, whether there is anything at its path or not?"""
    path = scope["path"]
    return path == ROOT or path.startswith(f"{ROOT}/")


@dataclass(frozen=True, slots=True)
class Found:
    """A row, and what its path's names stand for."""

    row: Row
    names: Mapping[str, str]


def find(scope: HTTPScope) -> Found:
    """The row of a request. Raises NotFound, MethodNotAllowed, ConfigError for a path that names no file."""
    segments = _segments(scope)
    matches = [(row, names) for row in ROUTES if (names := _match(row.segments, segments)) is not None]
    if not matches:
        raise NotFound("there is nothing at this path")
    most = min(_openness(row) for row, _ in matches)
    there = {row.method: (row, names) for row, names in matches if _openness(row) == most}
    method = "GET" if scope["method"] == _HEAD else scope["method"]
    if method not in there:
        allowed = sorted([*there, _HEAD] if "GET" in there else there)
        raise MethodNotAllowed("this path does not take this method", details={"allow": ", ".join(allowed)})
    row, names = there[method]
    if not all(map(_is_plain, segments)):
        if row.path.endswith(REST):
            rule = "must be a relative path without '..', backslashes or control characters"
            raise ConfigError([ConfigProblem(rule, "path")])
        raise NotFound("there is nothing at this path")
    return Found(row, names)


def _segments(scope: HTTPScope) -> list[str]:
    """The path's parts below /admin, each decoded on its own: an encoded slash parts nothing. Raises NotFound where
    the path is written in a way that a proxy may have read otherwise.
    """
    root, *rest = scope["raw_path"].partition(b"?")[0].removeprefix(b"/").split(b"/")
    if root != ROOT.removeprefix("/").encode():
        raise NotFound("there is nothing at this path")
    try:
        return [unquote(part, errors="strict") for part in rest]
    except UnicodeDecodeError:
        raise NotFound("there is nothing at this path") from None


def _is_plain(segment: str) -> bool:
    return segment not in {"", ".", ".."} and segment.isprintable() and not set(segment) & {"/", "\\", ";"}


def _match(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    """What the names of a pattern stand for; None where it does not fit."""
    names: dict[str, str] = {}
    for index, part in enumerate(pattern):
        if part.endswith(REST) and len(segments) > index:
            return {**names, part[1 : -len(REST)]: "/".join(segments[index:])}
        if index >= len(segments) or not (part.startswith(ANY) or part == segments[index]):
            return None
        if part.startswith(ANY):
            if segments[index] in _reserved(pattern[:index]):
                return None
            names[part[1:-1]] = segments[index]
    return names if len(pattern) == len(segments) else None


def _openness(row: Row) -> tuple[int, ...]:
    """Less is more definite, read from the left."""
    return tuple((part.startswith(ANY)) + part.endswith(REST) for part in row.segments)


_FIXED = {
    prefix: frozenset(
        row.segments[len(prefix)]
        for row in ROUTES
        if row.segments[: len(prefix)] == prefix
        and len(row.segments) > len(prefix)
        and not row.segments[len(prefix)].startswith(ANY)
    )
    for prefix in {row.segments[:length] for row in ROUTES for length in range(len(row.segments))}
}
"""The plain words that may follow a path's beginning."""


def _reserved(prefix: Sequence[str]) -> frozenset[str]:
    return _FIXED.get(tuple(prefix), frozenset())
