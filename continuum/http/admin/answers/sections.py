"""What is answered about sections: shown, described, replaced, patched, judged."""

from typing import Any, Literal, TypedDict

from continuum.http.admin.faults import Fault, Warned

__all__ = [
    "Capability",
    "FullConfig",
    "Patched",
    "Put",
    "Schema",
    "Section",
    "SectionInfo",
    "SectionList",
    "Validated",
    "Validation",
]

Capability = Literal["immediate", "gradual", "requires_restart"]


class FullConfig(TypedDict):
    """Every section, secrets masked."""

    config: dict[str, Any]
    hot_reload_enabled: bool
    last_modified: str


class SectionInfo(TypedDict):
    """One section."""

    name: str
    description: str
    hot_reload_capability: Capability


class SectionList(TypedDict):
    """The fifteen sections in order."""

    sections: list[SectionInfo]


class Section(TypedDict):
    """A section in force."""

    section: str
    config: Any
    hot_reload_capability: Capability
    description: str


class Schema(TypedDict):
    """A JSON Schema of draft 7."""

    schema: dict[str, Any]


class Put(TypedDict):
    """A section was replaced."""

    success: bool
    message: str
    version: int
    hot_reload_capability: Capability
    applied: bool
    warnings: list[Warned]


class Patched(Put):
    """A section was patched."""

    merged_config: Any


class Validation(TypedDict):
    """Whether something is valid."""

    valid: bool
    errors: list[Fault]
    warnings: list[Warned]


class Validated(Validation):
    """Whether a section is valid."""

    hot_reload_capability: Capability
