"""What is answered where configuration is exported, imported and applied."""

from typing import Literal, TypedDict

from continuum.http.admin.answers.sections import Capability, Validation
from continuum.http.admin.bodies import Format

__all__ = [
    "Applied",
    "AppliedSection",
    "Exported",
    "Imported",
]


class AppliedSection(TypedDict):
    """What became of one section."""

    status: Literal["applied", "pending_restart"]
    hot_reload_type: Capability


class Applied(TypedDict):
    """What was applied."""

    success: bool
    applied_sections: list[str]
    version: int
    results: dict[str, AppliedSection]


class Exported(TypedDict):
    """A configuration as text."""

    format: Format
    content: str
    exported_at: str
    sections_exported: list[str]


class Imported(TypedDict):
    """What became of an import."""

    success: bool
    message: str
    version: int
    validation: Validation
    sections_imported: list[str]
    applied: bool
