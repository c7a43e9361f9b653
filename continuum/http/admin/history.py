"""The configuration's versions over HTTP: listed, shown with what changed, and brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum.config.changes import changes
from continuum.config.edit import Edit
from continuum.config.view import ADMIN_SECTIONS, masked
from continuum.errors import ConfigError, VersionNotFound
from continuum.http.admin.bodies import Rollback
from continuum.http.admin.ground import iso, known_section, named_sections

if TYPE_CHECKING:
    from continuum.config.version import Version
    from continuum.http.admin.answers.history import HistoryEntry, HistoryPage, RolledBack, VersionShown
    from continuum.http.admin.ground import Ground
    from continuum.http.admin.request import Request

__all__ = ["history", "rollback", "version"]

_DEFAULT_PAGE = 20
_LARGEST_PAGE = 100


def _entry(one: Version) -> HistoryEntry:
    entry: HistoryEntry = {
        "version": one.number,
        "timestamp": iso(one.timestamp),
        "sections_changed": list(one.sections_changed),
        "source": one.source,
        "user": one.user,
        "rollback_available": True,
    }
    return {**entry, "description": one.description} if one.description else entry


async def history(ground: Ground, request: Request) -> HistoryPage:
    """Versions, newest first."""
    limit = min(request.number("limit", _DEFAULT_PAGE, 1), _LARGEST_PAGE)
    offset = request.number("offset", 0, 0)
    kept = list(ground.store.history())
    name = request.query.get("section")
    if name is not None:
        known_section(name)
        kept = [one for one in kept if name in one.sections_changed]
    return {
        "history": [_entry(one) for one in kept[offset : offset + limit]],
        "total_entries": len(kept),
        "current_version": ground.store.current.number,
    }


def _asked_version(ground: Ground, request: Request) -> Version:
    text = request.names["version"]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise VersionNotFound(0)
    return ground.store.version(int(text))


async def version(ground: Ground, request: Request) -> VersionShown:
    """One version, and how it differs from the one before it."""
    one = _asked_version(ground, request)
    try:
        before = ground.store.version(one.number - 1).config
    except ConfigError:  # the first there is, or one that is not valid any more
        before = one.config
    view = masked(one.config)
    return {
        **_entry(one),
        "config": {name: view[name] for name in ADMIN_SECTIONS},
        "diff": changes(before, one.config),
    }


async def rollback(ground: Ground, request: Request) -> RolledBack:
    """Bring back sections of an earlier version, as a new one."""
    asked = request.shaped(Rollback)
    target, current = _asked_version(ground, request), ground.store.current
    names = named_sections(asked.sections)
    wanted = {name: target.stored[name] for name in names}
    request.expects(current.number)
    candidate = await ground.judge(wanted)
    answer: RolledBack = {
        "success": True,
        "message": f"Would roll back to version {target.number}",
        "previous_version": current.number,
        "new_version": current.number + 1 if candidate.sections_changed else current.number,
        "sections_rolled_back": list(candidate.sections_changed),
        "changes": changes(current.config, candidate.config),
    }
    if asked.dry_run:
        return answer
    written = await ground.write(
        request,
        lambda _: {name: Edit(data) for name, data in wanted.items()},
        f"Rolled back to version {target.number}",
        source="rollback",
    )
    new = written.committed.version.number
    return {
        **answer,
        "message": f"Rolled back to version {target.number}",
        "previous_version": new - 1 if written.committed.changed else new,
        "new_version": new,
    }
