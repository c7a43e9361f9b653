"""What is answered about the configuration's versions."""

from typing import Any, NotRequired, TypedDict

from continuum.config.changes import Diff
from continuum.config.version import VersionSource

__all__ = [
    "HistoryEntry",
    "HistoryPage",
    "RolledBack",
    "VersionShown",
]


class HistoryEntry(TypedDict):
    """One version."""

    version: int
    timestamp: str
    sections_changed: list[str]
    source: VersionSource
    user: str
    description: NotRequired[str]
    rollback_available: bool


class HistoryPage(TypedDict):
    """Versions, newest first."""

    history: list[HistoryEntry]
    total_entries: int
    current_version: int


class VersionShown(HistoryEntry):
    """One version's configuration, and how it differs from the one before."""

    config: dict[str, Any]
    diff: dict[str, dict[str, Diff]]


class RolledBack(TypedDict):
    """What a rollback changed."""

    success: bool
    message: str
    previous_version: int
    new_version: int
    sections_rolled_back: list[str]
    changes: dict[str, dict[str, Diff]]
