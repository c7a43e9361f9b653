"""The configuration is not usable, or what is asked of it is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import ContinuumError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One fault of a configuration: where, which key, which rule, and the value that broke it. `rule` and `shown` name
    a secret value only masked. line and column count from 1.
    """

    rule: str
    key: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    shown: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        rule = f"{self.rule} (got {self.shown})" if self.shown else self.rule
        return ": ".join(part for part in (place, self.key, rule) if part)


class ConfigError(ContinuumError):
    """The configuration has faults: all of them, a line each."""

    code = "VALIDATION_ERROR"
    http_status = 400

    def __init__(self, problems: Sequence[ConfigProblem], *, details: Mapping[str, object] | None = None) -> None:
        super().__init__("\n".join(map(str, problems)), details=details)
        self.problems = tuple(problems)


class ParseError(ConfigError):
    """The configuration's text cannot be read as YAML, TOML or JSON."""

    code = "PARSE_ERROR"


class VersionNotFound(ConfigError):
    """A version of the configuration that never was, or is not kept any more."""

    code = "VERSION_NOT_FOUND"
    http_status = 404

    def __init__(self, number: int) -> None:
        super().__init__([ConfigProblem(f"version {number} is not there, or not kept any more")])


class VersionConflict(ConfigError):
    """The configuration has changed since the caller looked at it."""

    code = "VERSION_CONFLICT"
    http_status = 409

    def __init__(self, current: int) -> None:
        rule = f"the configuration has changed: version {current} is in force"
        super().__init__([ConfigProblem(rule)], details={"current_version": current})


class ConfigLocked(ConfigError):
    """Another process writes this configuration's versions; details name it."""

    code = "CONFIG_LOCKED"
    http_status = 409

    def __init__(self, pid: int | None) -> None:
        rule = f"process {pid or '(unknown)'} holds this configuration: change it there"
        super().__init__([ConfigProblem(rule)], details={"pid": pid})


class SectionNotFound(ConfigError):
    """A section of the configuration that is none, in a place where one is read."""

    code = "SECTION_NOT_FOUND"
    http_status = 404

    def __init__(self, name: str, available: Sequence[str]) -> None:
        super().__init__([ConfigProblem(f"Configuration section '{name}' not found")])
        self.details = {"available_sections": list(available)}


class InvalidSection(SectionNotFound):
    """The same, in a place where one is written."""

    code = "INVALID_SECTION"
    http_status = 400


class BackendNotFound(ConfigError):
    """No backend has this name."""

    code = "BACKEND_NOT_FOUND"
    http_status = 404

    def __init__(self, name: str) -> None:
        super().__init__([ConfigProblem(f"Backend '{name}' not found")])


class BackendExists(ConfigError):
    """A backend has this name already."""

    code = "BACKEND_EXISTS"
    http_status = 409

    def __init__(self, name: str) -> None:
        super().__init__([ConfigProblem(f"Backend '{name}' already exists")])
        self.details = {"existing_backend": name}


class KeyNotFound(ConfigError):
    """No client key has this id."""

    code = "KEY_NOT_FOUND"
    http_status = 404

    def __init__(self, ident: str) -> None:
        super().__init__([ConfigProblem(f"Key '{ident}' not found")])


class KeyExists(ConfigError):
    """A client key has this id already."""

    code = "KEY_EXISTS"
    http_status = 409

    def __init__(self, ident: str) -> None:
        super().__init__([ConfigProblem(f"Key '{ident}' already exists")])
        self.details = {"existing_key": ident}


class KeyConfigured(ConfigError):
    """A client key that stands in the configuration, and is changed there. source: `config`, or `file` for the file
    that api_keys_file names.
    """

    code = "KEY_CONFIGURED"
    http_status = 409

    def __init__(self, ident: str, source: str) -> None:
        place = "the file that api_keys.api_keys_file names" if source == "file" else "the section api_keys"
        super().__init__([ConfigProblem(f"Key '{ident}' stands in {place}: change it there")])
        self.details = {"source": source}


class KeyChanged(VersionConflict):
    """A client key has changed since the caller looked at it."""

    def __init__(self, ident: str, revision: int) -> None:
        rule = f"Key '{ident}' has changed: revision {revision} is in force"
        ConfigError.__init__(self, [ConfigProblem(rule)], details={"current_version": revision})
