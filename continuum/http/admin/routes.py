"""What is answered below /admin: the table. Dispatch and the OpenAPI document both read it."""

from __future__ import annotations

from continuum.config import BackendConfig
from continuum.config.sections.api_keys import KeyTerms, NewKey
from continuum.config.view import ADMIN_SECTIONS
from continuum.http.admin import (
    answers,
    backends,
    bodies,
    history,
    keys,
    live,
    prompts,
    sections,
    transfer,
)
from continuum.http.admin.request import Query, Row

__all__ = ["ROUTES"]

_MIB = 1024 * 1024
_SECTION = Query("section", {"type": "string", "enum": list(ADMIN_SECTIONS)}, "Name of a section.")
_PAGE = (
    Query("limit", {"type": "integer", "minimum": 1}, "Entries at most; above 100 is read as 100."),
    Query("offset", {"type": "integer", "minimum": 0}, "Entries to leave out first."),
    _SECTION,
)
_FORCE = Query("force", {"type": "boolean"}, "Cut what runs on it.")

_CONFIG = (
    Row("GET", "/config/full", sections.full, "Every section", answers.sections.FullConfig),
    Row("GET", "/config/sections", sections.listing, "What sections there are", answers.sections.SectionList),
    Row("GET", "/config/schema", sections.schema, "JSON Schema", answers.sections.Schema, query=(_SECTION,)),
    Row("POST", "/config/validate", sections.validate, "Judge a section", answers.sections.Validated, bodies.Validate),
    Row(
        "POST",
        "/config/apply",
        transfer.apply,
        "Apply a staged import",
        answers.transfer.Applied,
        bodies.Apply,
        optional=True,
    ),
    Row(
        "POST", "/config/export", transfer.export, "The configuration as text", answers.transfer.Exported, bodies.Export
    ),
    Row(
        "POST",
        "/config/import",
        transfer.import_,
        "Take a configuration as text",
        answers.transfer.Imported,
        bodies.Import,
        most=8 * _MIB,
    ),
    Row("GET", "/config/history", history.history, "Versions", answers.history.HistoryPage, query=_PAGE),
    Row("GET", "/config/history/{version}", history.version, "One version", answers.history.VersionShown),
    Row(
        "POST",
        "/config/rollback/{version}",
        history.rollback,
        "Bring back a version",
        answers.history.RolledBack,
        bodies.Rollback,
        optional=True,
    ),
    Row("GET", "/config/{section}", sections.section, "One section", answers.sections.Section),
    Row("PUT", "/config/{section}", sections.put, "Replace a section", answers.sections.Put, bodies.Config),
    Row("PATCH", "/config/{section}", sections.patch, "Merge-patch a section", answers.sections.Patched, bodies.Config),
)

_BACKENDS = (
    Row("GET", "/backends", backends.listing, "Every backend", answers.backends.BackendList),
    Row("POST", "/backends", backends.add, "Add a backend", answers.backends.BackendAdded, BackendConfig),
    Row("GET", "/backends/{name}", backends.one, "One backend", answers.backends.Backend),
    Row(
        "PUT",
        "/backends/{name}",
        backends.change,
        "Change a backend",
        answers.backends.BackendAdded,
        BackendConfig,
        partial=True,
    ),
    Row(
        "DELETE",
        "/backends/{name}",
        backends.remove,
        "Remove a backend",
        answers.backends.BackendRemoved,
        query=(_FORCE,),
    ),
    Row(
        "PUT",
        "/backends/{name}/weight",
        backends.set_weight,
        "Set its weight",
        answers.backends.WeightSet,
        bodies.Weight,
    ),
    Row(
        "PUT",
        "/backends/{name}/models",
        backends.set_models,
        "Set its models",
        answers.backends.ModelsSet,
        bodies.Models,
    ),
    Row("POST", "/backends/{name}/probe", backends.probe, "Ask it for a sign of life", answers.backends.Probed),
)

_PROMPTS = (
    Row("GET", "/config/prompts", prompts.listing, "Every global prompt", answers.prompts.PromptList),
    Row("POST", "/config/prompts/reload", prompts.reload, "Read prompt files again", answers.prompts.PromptsReloaded),
    Row("GET", "/config/prompts/{path:path}", prompts.read, "One prompt file", answers.prompts.PromptFile),
    Row(
        "PUT",
        "/config/prompts/{path:path}",
        prompts.write,
        "Write a prompt file",
        answers.prompts.PromptWritten,
        bodies.Prompt,
        most=8 * _MIB,
    ),
)

_KEY_PAGE = (
    Query("limit", {"type": "integer", "minimum": 1}, f"Keys at most; above {keys.LARGEST_PAGE} is read as that."),
    Query("offset", {"type": "integer", "minimum": 0}, "Keys to leave out first."),
)

_KEYS = (
    Row("GET", "/keys", keys.listing, "Every client key", answers.keys.KeyList, query=_KEY_PAGE, versioned=False),
    Row("POST", "/keys", keys.add, "Make a client key", answers.keys.KeyMade, NewKey, optional=True),
    Row("GET", "/keys/{id}", keys.one, "One client key", answers.keys.Key),
    Row("PATCH", "/keys/{id}", keys.change, "Merge-patch a client key", answers.keys.KeyChanged, KeyTerms),
    Row("DELETE", "/keys/{id}", keys.remove, "Remove a client key", answers.keys.KeyRemoved, versioned=False),
    Row(
        "POST",
        "/keys/{id}/rotate",
        keys.rotate,
        "Make a client key anew",
        answers.keys.KeyRotated,
        bodies.Rotate,
        optional=True,
    ),
)

_LIVE = (
    Row("GET", "/stats", live.stats, "What was asked since the start", answers.live.Stats),
    Row("POST", "/route/explain", live.explain, "Why a backend is chosen", answers.live.RouteExplained, bodies.Explain),
    Row("GET", "/events", live.events, "Versions, health and circuits as they change", None),
)

ROUTES: tuple[Row, ...] = (*_CONFIG, *_PROMPTS, *_BACKENDS, *_KEYS, *_LIVE)
"""In the order of the documentation. A path's plain words win over its `{names}`: the words are reserved."""
