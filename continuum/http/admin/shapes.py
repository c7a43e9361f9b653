"""JSON Schema of the classes that answers are declared with: TypedDicts of plain values, lists, maps and each other."""

from __future__ import annotations

from inspect import cleandoc
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

__all__ = ["schema_of"]

_PLAIN: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def schema_of(annotation: Any, named: dict[str, Any], place: str) -> dict[str, Any]:
    """The schema of one type. named: takes the schema of each TypedDict, by its name. place: how one is referred to,
    with {} for the name.
    """
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN:
        return {"type": _PLAIN[annotation]}
    if is_typeddict(annotation):
        name: str = annotation.__name__
        if name not in named:
            named[name] = {}  # so that one that holds itself ends
            named[name] = _fields(annotation, named, place)
        return {"$ref": place.format(name)}
    if origin is Literal:
        return {"type": "string", "enum": list(inner)}
    if origin is list:
        return {"type": "array", "items": schema_of(inner[0], named, place)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(inner[1], named, place)}
    if origin in (Union, UnionType):
        return {"anyOf": [schema_of(each, named, place) for each in inner]}
    return {}


def _fields(shape: Any, named: dict[str, Any], place: str) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, hint in get_type_hints(shape, include_extras=True).items():
        optional = get_origin(hint) is NotRequired
        properties[name] = schema_of(get_args(hint)[0] if optional else hint, named, place)
        if not optional:
            required.append(name)
    made: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
    words = cleandoc(shape.__doc__ or "").partition("\n")[0]
    return {"description": words, **made} if words and not words.startswith("dict(") else made
