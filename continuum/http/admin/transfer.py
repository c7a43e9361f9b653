"""The configuration as text: exported, imported, and applied when an import was staged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import trio

from continuum.config import SECTIONS, Config
from continuum.config.codec import LARGEST_FILE, dump, dump_toml, parse
from continuum.config.edit import Base, Edit, patched, replaced
from continuum.config.plain import is_mapping
from continuum.config.view import ADMIN_SECTIONS, masked, revealed, without_defaults
from continuum.errors import ConfigError, ConfigProblem, ContentTooLarge, InvalidSection, VersionConflict
from continuum.http.admin.bodies import Apply, Export, Import
from continuum.http.admin.faults import faults_of, warnings_of, warnings_refuse
from continuum.http.admin.ground import Staged, iso, named_sections
from continuum.http.admin.sections import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from continuum.http.admin.answers.sections import Validation
    from continuum.http.admin.answers.transfer import Applied, AppliedSection, Exported, Imported
    from continuum.http.admin.ground import Ground
    from continuum.http.admin.request import Request

__all__ = ["apply", "export", "import_"]

_STRATEGY = "selection_strategy"
_ROUTING = "routing"


def _to_json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


_WRITERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"yaml": dump, "json": _to_json, "toml": dump_toml}


async def export(ground: Ground, request: Request) -> Exported:
    """The sections as text."""
    asked = request.shaped(Export)
    names = named_sections(asked.sections)
    if asked.include_sensitive:
        ground.door.prove(request.exchange)
        await ground.audit.note(request.who, "exported with secrets", names)
    config = ground.store.current.config
    view = revealed(config) if asked.include_sensitive else masked(config)
    shown = {name: view[name] for name in names}
    if not asked.include_defaults:
        shown = without_defaults(config, shown)
    return {
        "format": asked.format,
        "content": _WRITERS[asked.format](shown),
        "exported_at": iso(datetime.now(UTC)),
        "sections_exported": names,
    }


@dataclass(frozen=True, slots=True)
class _Text:
    """What the text of an import says: its sections, and warnings for what is skipped."""

    sections: Mapping[str, Any]
    skipped: list[ConfigProblem] = field(default_factory=list[ConfigProblem])


async def import_(ground: Ground, request: Request) -> Imported:
    """Put text in force, stage it, or judge it."""
    asked = request.shaped(Import)
    if len(asked.content.encode()) > LARGEST_FILE:
        raise ContentTooLarge(f"the content is over the limit of {LARGEST_FILE} bytes")
    answer: Imported = {
        "success": True,
        "message": "Configuration imported and applied",
        "version": ground.store.current.number,
        "validation": {"valid": True, "errors": [], "warnings": []},
        "sections_imported": [],
        "applied": False,
    }
    if not asked.dry_run:
        return await _import(ground, request, asked, answer)
    message = "Configuration validated, not applied"
    try:
        text = await _read(asked)
        edits = _edits(ground.base, text, merge=asked.merge)
        candidate = await ground.judge({name: edit.data for name, edit in edits.items()})
    except ConfigError as error:
        faults: Validation = {"valid": False, "errors": faults_of(error), "warnings": []}
        return {**answer, "success": False, "message": message, "validation": faults}
    validation = _valid([*text.skipped, *_warned(edits), *candidate.warnings])
    return {**answer, "message": message, "validation": validation, "sections_imported": list(edits)}


async def _import(ground: Ground, request: Request, asked: Import, answer: Imported) -> Imported:
    text = await _read(asked)

    def change(base: Base) -> Mapping[str, Edit]:
        return _edits(base, text, merge=asked.merge)

    if asked.apply:
        written = await ground.write(request, change, f"Imported {', '.join(text.sections) or 'nothing'}")
        done = written.committed
        return {
            **answer,
            "version": done.version.number,
            "validation": _valid([*text.skipped, *written.warnings, *done.warnings]),
            "sections_imported": list(text.sections),
            "applied": done.applied,
        }
    current = ground.store.current
    request.expects(current.number)
    edits = change(ground.base)
    changes = {name: edit.data for name, edit in edits.items()}
    candidate = await ground.judge(changes)
    ground.staged = Staged(current.number, changes)
    return {
        **answer,
        "message": "Configuration imported, not applied",
        "validation": _valid([*text.skipped, *_warned(edits), *candidate.warnings]),
        "sections_imported": list(edits),
    }


async def _read(asked: Import) -> _Text:
    """The text's sections. Raises ParseError, InvalidSection. In a thread: a text may take a second."""
    document = await trio.to_thread.run_sync(parse, asked.content, asked.format)
    data, skipped = dict(document.data), list[ConfigProblem]()
    for name in list(data):
        if name == _STRATEGY:
            strategy, routing = data.pop(name), data.get(_ROUTING)
            if routing is None:
                data[_ROUTING] = {_STRATEGY: strategy}
            elif is_mapping(routing):  # else its own fault is told
                data[_ROUTING] = {_STRATEGY: strategy, **routing}
        elif name in ADMIN_SECTIONS:
            if data[name] is None:  # a heading with nothing below it
                del data[name]
        elif name in Config.model_fields:
            del data[name]
            skipped.append(ConfigProblem("is skipped: it can be set in the configuration file only", name))
        else:
            raise InvalidSection(name, ADMIN_SECTIONS)
    return _Text({name: data[name] for name in ADMIN_SECTIONS if name in data}, skipped)


def _edits(base: Base, text: _Text, *, merge: bool) -> dict[str, Edit]:
    """The edit of each section. Raises ConfigError with the faults of all."""
    edits, faults = dict[str, Edit](), list[ConfigProblem]()
    for name, sent in text.sections.items():
        try:
            whole = not merge or SECTIONS[name].many
            edits[name] = checked(name, replaced(base, name, sent) if whole else patched(base, name, sent))
        except ConfigError as error:
            faults += error.problems
    if faults:
        raise ConfigError(faults)
    return edits


def _warned(edits: Mapping[str, Edit]) -> list[ConfigProblem]:
    return [warning for edit in edits.values() for warning in edit.warnings]


def _valid(warnings: list[ConfigProblem]) -> Validation:
    return {"valid": True, "errors": [], "warnings": warnings_of(warnings)}


async def apply(ground: Ground, request: Request) -> Applied:
    """Put in force what an import staged."""
    asked = request.shaped(Apply)
    staged, current = ground.staged, ground.store.current
    pending = dict(staged.changes) if staged is not None else {}
    names = list(pending) if asked.sections is None else named_sections(asked.sections)
    request.expects(current.number)
    chosen = {name: pending[name] for name in names if name in pending}
    if chosen and staged is not None and staged.version != current.number:
        raise VersionConflict(current.number)
    changes = {name: chosen.get(name, current.stored[name]) for name in names}
    candidate = await ground.judge(changes)
    told = [each for each in candidate.warnings if each.key.partition(".")[0] in chosen]
    if told and not asked.force:
        raise warnings_refuse(told)

    written = await ground.write(
        request,
        lambda _: {name: Edit(data) for name, data in changes.items()},
        f"Applied {', '.join(names) or 'nothing'}",
        once=bool(chosen),
    )
    rest = {name: data for name, data in pending.items() if name not in chosen}
    version = written.committed.version.number
    if chosen:
        ground.staged = Staged(version, rest) if rest else None
    waiting = {key.partition(".")[0] for key in candidate.pending}
    results: dict[str, AppliedSection] = {
        name: {
            "status": "pending_restart" if name in waiting else "applied",
            "hot_reload_type": SECTIONS[name].reload.value,
        }
        for name in names
    }
    return {"success": True, "applied_sections": names, "version": version, "results": results}
