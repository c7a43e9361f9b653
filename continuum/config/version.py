"""One version of the configuration, and the line it is kept as. Nothing here reads or writes files."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal

import msgspec

from continuum.config.expansion import Reference
from continuum.config.model import SECTIONS, Config
from continuum.config.plain import is_list, is_mapping
from continuum.config.view import ADMIN_SECTIONS

VersionSource = Literal["api", "file_reload", "initial", "rollback"]
"""Where a version came from. `api` is also an import's, and a host program's."""

_ENV = "$env"

Build = Callable[[Mapping[str, Any]], Config]


def empty(section: str) -> Any:
    """A section in which nothing is written."""
    return [] if SECTIONS[section].many else {}


@dataclass(frozen=True)
class Version:
    """What was in force from one change to the next.

    stored: each of the fifteen sections in stored form (expansion.Reference): what the environment gives is kept as
    it was written. sections_changed: what differs from the version before. file: digests of the file's sections at
    that time, by name. description: one line, or none.
    """

    number: int
    timestamp: datetime
    source: VersionSource
    user: str
    description: str | None
    sections_changed: tuple[str, ...]
    stored: Mapping[str, Any] = field(repr=False)
    file: Mapping[str, str] = field(repr=False)
    build: Build = field(repr=False, compare=False)

    @cached_property
    def config(self) -> Config:
        """Its sections validated, with what the environment holds now; without what the command line and
        `CONTINUUM_…` variables lay over them. What views of the configuration show; not to be changed.

        Raises ConfigError where an old one is not valid any more: a variable is gone, or a file.
        """
        return self.build(self.stored)


def digest(section: object) -> str:
    """What differs when a section's text in the file does, comments and order apart."""
    return sha256(_dumps(_encoded(section), sort_keys=True)).hexdigest()[:32]


def to_line(version: Version) -> bytes:
    """A version as one line of JSON. Holds secrets, as the file does."""
    return _dumps(
        {
            "version": version.number,
            "timestamp": version.timestamp.isoformat(),
            "source": version.source,
            "user": version.user,
            "description": version.description,
            "sections_changed": version.sections_changed,
            "sections": {name: _encoded(section) for name, section in version.stored.items()},
            "file": dict(version.file),
        }
    )


class _Line(msgspec.Struct):
    version: int
    timestamp: str
    source: VersionSource
    user: str
    description: str | None
    sections_changed: list[str]
    sections: dict[str, Any]
    file: dict[str, str]


def from_line(line: bytes, build: Build) -> Version:
    """The version that `to_line` wrote. Raises ValueError for any other line."""
    try:
        read = msgspec.convert(json.loads(line), _Line)
        timestamp = datetime.fromisoformat(read.timestamp).astimezone(UTC)
    except (msgspec.ValidationError, RecursionError) as fault:
        raise ValueError(str(fault)) from None
    stored = {name: _decoded(read.sections[name]) if name in read.sections else empty(name) for name in ADMIN_SECTIONS}
    return Version(
        read.version,
        timestamp,
        read.source,
        read.user,
        read.description,
        tuple(read.sections_changed),
        stored,
        read.file,
        build,
    )


def _dumps(value: Any, *, sort_keys: bool = False) -> bytes:
    """By the standard library: it takes whole numbers and strings of any kind."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False, sort_keys=sort_keys).encode()


def _encoded(value: Any) -> Any:
    """References as `{"$env": text}`; a mapping that has this very key goes one level down, so that nobody can write
    a reference.
    """
    if isinstance(value, Reference):
        return {_ENV: value.text}
    if is_mapping(value):
        encoded = {key: _encoded(inner) for key, inner in value.items()}
        return {_ENV: encoded} if _ENV in encoded else encoded
    if is_list(value):
        return [_encoded(inner) for inner in value]
    return value


def _decoded(value: Any) -> Any:
    if is_mapping(value):
        held = value.get(_ENV)
        if isinstance(held, str):
            return Reference(held)
        inner = held if is_mapping(held) else value
        return {key: _decoded(each) for key, each in inner.items()}
    if is_list(value):
        return [_decoded(inner) for inner in value]
    return value
