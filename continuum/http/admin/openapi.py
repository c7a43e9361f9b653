"""The OpenAPI 3.1 document, made from the same table that requests are dispatched by."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from continuum.config.schema import body_schema
from continuum.config.view import ADMIN_SECTIONS
from continuum.core import Operation
from continuum.http.admin.dispatch import ROOT
from continuum.http.admin.request import REST
from continuum.http.admin.routes import ROUTES
from continuum.http.admin.shapes import schema_of
from continuum.http.endpoints import CALLS
from continuum.version import VERSION

if TYPE_CHECKING:
    from continuum.config.section import Group
    from continuum.http.admin.request import Row

__all__ = ["document"]

_PLACE: Final = "#/components/schemas/{}"
_FAULT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error_code", "message", "details"],
    "properties": {
        "error_code": {"type": "string"},
        "message": {"type": "string"},
        "details": {"type": "object"},
    },
    "additionalProperties": False,
}
_OBJECT: Final[dict[str, Any]] = {"type": "object"}
_SECURITY: Final[dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


_IN_PATHS: Final[Mapping[str, dict[str, Any]]] = {
    "section": {"type": "string", "enum": list(ADMIN_SECTIONS)},
    "version": {"type": "integer", "minimum": 1},
    "name": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
    "id": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$"},
    "path": {"type": "string", "pattern": r"^[^/\\;]+(/[^/\\;]+)*\.(md|txt)$"},
}
_CALLED_WITH: Final[Mapping[Operation, dict[str, Any]]] = {
    Operation.CHAT: {"messages": {"type": "array", "items": {"type": "object"}, "minItems": 1}},
    Operation.COMPLETION: {"prompt": {"type": ["string", "array"]}},
    Operation.EMBEDDING: {"input": {"type": ["string", "array"]}},
}
"""What a call must have beside its model. Whatever else it has goes to the backend."""


@cache
def _made() -> dict[str, Any]:
    schemas: dict[str, Any] = {"Error": _FAULT}
    paths: dict[str, Any] = {}
    for row in ROUTES:
        path = ROOT + row.path.replace(REST, "}")
        paths.setdefault(path, {})[row.method.lower()] = _operation(row, schemas)
    for call in CALLS.values():
        paths[call.path] = {"post": _call(call.operation)}
    for path, summary in _PAGES.items():
        paths[path] = {"get": _page(summary)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Continuum", "version": VERSION, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": _SECURITY},
    }


_PAGES: Final = {
    "/v1/models": "Models that can be asked",
    "/health": "The process answers",
    "/ready": "Requests can be served",
}


def document() -> dict[str, Any]:
    """A copy of it; the same for the same tables, key for key."""
    return deepcopy(_made())


def _operation(row: Row, schemas: dict[str, Any]) -> dict[str, Any]:
    names = [part.strip("{}").removesuffix(":path") for part in row.segments if part.startswith("{")]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": dict(_IN_PATHS[name])} for name in names
    ]
    parameters += [
        {"name": each.name, "in": "query", "schema": dict(each.schema), "description": each.description}
        for each in row.query
    ]
    operation: dict[str, Any] = {
        "summary": row.summary,
        "operationId": f"{row.method.lower()}_{'_'.join(part.strip('{}').replace(':', '_') for part in row.segments)}",
        "tags": [row.segments[0]],
        "security": [{name: []} for name in _SECURITY],
        "parameters": parameters,
        "responses": {"200": _answer(row, schemas), "4XX": _json({"$ref": _PLACE.format("Error")}, "Refused")},
    }
    if row.body is not None:
        operation["requestBody"] = {
            "required": not row.optional,
            "content": {"application/json": {"schema": _body(row.body, partial=row.partial)}},
        }
    return operation


def _answer(row: Row, schemas: dict[str, Any]) -> dict[str, Any]:
    if row.answer is None:
        return {"description": "Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    return _json(schema_of(row.answer, schemas, _PLACE), "Done")


def _body(model: type[Group], *, partial: bool) -> dict[str, Any]:
    made = body_schema(model)
    if partial:
        made.pop("required", None)
    return made


def _json(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _call(operation: Operation) -> dict[str, Any]:
    needed = {"model": {"type": "string", "minLength": 1, "maxLength": 256}, **_CALLED_WITH[operation]}
    body = {"type": "object", "properties": needed, "required": list(needed)}
    return {
        "summary": f"OpenAI-compatible {operation} request",
        "tags": ["v1"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": _json(_OBJECT, "The answer, or a stream of it"), "default": _json(_OBJECT, "Refused")},
    }


def _page(summary: str) -> dict[str, Any]:
    return {"summary": summary, "tags": ["state"], "responses": {"default": _json(_OBJECT, summary)}}
