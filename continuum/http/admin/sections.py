"""The configuration's sections over HTTP: read, replaced, patched, judged. One handler each for all fifteen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from continuum.config import SECTIONS
from continuum.config.edit import patched, replaced
from continuum.config.plain import is_list, is_mapping
from continuum.config.schema import admin_schema
from continuum.config.view import ADMIN_SECTIONS, masked
from continuum.errors import ConfigError, ConfigProblem
from continuum.http.admin.bodies import Config, Validate
from continuum.http.admin.faults import faults_of, warnings_of
from continuum.http.admin.ground import iso, known_section, writable_section

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from continuum.config.edit import Base, Edit
    from continuum.http.admin.answers.sections import FullConfig, Patched, Put, Schema, Section, SectionList, Validated
    from continuum.http.admin.ground import Ground, Written
    from continuum.http.admin.request import Request

__all__ = ["full", "listing", "patch", "put", "schema", "section", "validate"]


async def full(ground: Ground, request: Request) -> FullConfig:
    """Every section."""
    del request
    current = ground.store.current
    view = masked(current.config)
    return {
        "config": {name: view[name] for name in ADMIN_SECTIONS},
        "hot_reload_enabled": ground.store.hot_reload_enabled,
        "last_modified": iso(current.timestamp),
    }


async def listing(ground: Ground, request: Request) -> SectionList:
    """What sections there are."""
    del ground, request
    infos = [SECTIONS[name] for name in ADMIN_SECTIONS]
    return {
        "sections": [
            {"name": info.name, "description": info.description, "hot_reload_capability": info.reload.value}
            for info in infos
        ]
    }


async def section(ground: Ground, request: Request) -> Section:
    """One section."""
    info = SECTIONS[known_section(request.names["section"])]
    return {
        "section": info.name,
        "config": ground.view(info.name),
        "hot_reload_capability": info.reload.value,
        "description": info.description,
    }


async def schema(ground: Ground, request: Request) -> Schema:
    """The schema of all sections, or of the one that the query names."""
    del ground
    name = request.query.get("section")
    return {"schema": admin_schema(None if name is None else known_section(name))}


async def put(ground: Ground, request: Request) -> Put:
    """Replace a section."""
    name, written = await _write(ground, request, replaced, "replaced")
    return _put_answer(name, written, "Configuration updated successfully")


async def patch(ground: Ground, request: Request) -> Patched:
    """Merge-patch a section."""
    name, written = await _write(ground, request, patched, "patched")
    answer = _put_answer(name, written, "Configuration partially updated")
    return {**answer, "merged_config": ground.view(name, written.committed.version.config)}


async def _write(
    ground: Ground, request: Request, edit: Callable[[Base, str, Any], Edit], verb: str
) -> tuple[str, Written]:
    name = request.below = writable_section(request.names["section"])
    sent = request.shaped(Config).config

    def change(base: Base) -> Mapping[str, Edit]:
        return {name: checked(name, edit(base, name, sent))}

    if edit is replaced:
        check_kind(name, sent)
    elif not is_mapping(sent):
        raise ConfigError([ConfigProblem("must be a mapping: a merge patch", name)])
    return name, await ground.write(request, change, f"Section {name} {verb}")


def check_kind(name: str, sent: Any) -> None:
    """Raises ConfigError for a section that is neither the mapping nor the list it must be."""
    if not (is_list(sent) if SECTIONS[name].many else is_mapping(sent)):
        raise ConfigError([ConfigProblem(f"must be a {'list' if SECTIONS[name].many else 'mapping'}", name)])


def checked(name: str, edit: Edit) -> Edit:
    """The edit, whose data has the section's kind. Raises ConfigError."""
    check_kind(name, edit.data)
    return edit


def _put_answer(name: str, written: Written, message: str) -> Put:
    committed = written.committed
    return {
        "success": True,
        "message": message,
        "version": committed.version.number,
        "hot_reload_capability": SECTIONS[name].reload.value,
        "applied": committed.applied,
        "warnings": warnings_of([*written.warnings, *committed.warnings], name),
    }


async def validate(ground: Ground, request: Request) -> Validated:
    """Judge a section as PUT would be, and do nothing."""
    asked = request.shaped(Validate)
    info = SECTIONS[writable_section(asked.section)]
    answer: Validated = {
        "valid": True,
        "errors": [],
        "warnings": [],
        "hot_reload_capability": info.reload.value,
    }
    try:
        check_kind(info.name, asked.config)
        edit = replaced(ground.base, info.name, asked.config)
        candidate = await ground.judge({info.name: edit.data})
    except ConfigError as error:
        return {**answer, "valid": False, "errors": faults_of(error, info.name)}
    return {**answer, "warnings": warnings_of([*edit.warnings, *candidate.warnings], info.name)}
