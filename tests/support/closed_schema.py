"""JSON Schemas with the doors closed: what a schema does not name must not be there. Quick where messages repeat."""

import json
from collections.abc import Callable, Collection, Iterator
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from continuum.dialects.raw import is_list, is_object

_VALIDATOR: Any = import_module("jsonschema").Draft202012Validator  # it comes without types
_SHAPED = frozenset({"$ref", "properties", "allOf", "anyOf", "oneOf"})


class ClosedSchemas:
    """The schemas of one file."""

    def __init__(self, path: Path) -> None:
        schemas = json.loads(path.read_bytes())
        self._path = path
        self._words = frozenset(_words(schemas))
        self._parts: dict[str, dict[str, Any]] = {
            part: {name: _closed_within(each) for name, each in schemas[part].items()}
            for part in ("$defs", "properties")
            if part in schemas
        }

    def check(self, part: str, name: str) -> Callable[[Any], None]:
        """What raises for a value that is not as the schema of that name says, or holds more."""
        validator = _VALIDATOR({**_closed(self._parts[part][name]), "$defs": self._parts["$defs"]})

        @lru_cache(maxsize=4096)
        def fault_of(outline: str) -> str | None:
            fault = next(validator.iter_errors(json.loads(outline)), None)
            return None if fault is None else str(fault)

        def check(value: Any) -> None:
            fault = fault_of(json.dumps(_outline(value, self._words)))
            assert fault is None, f"{self._path}: {name}: {fault}"

        return check


@cache
def closed_schemas(path: Path) -> ClosedSchemas:
    """Read once."""
    return ClosedSchemas(path)


def _closed(schema: Any) -> Any:
    """Where a value stands: an object may hold what the schema, or one that it refers to, names."""
    within = _closed_within(schema)
    if is_object(within) and _SHAPED & within.keys():
        return {"unevaluatedProperties": False, **within}
    return within


def _closed_within(schema: Any) -> Any:
    """The same of a schema's values alone: it may be a part of another schema of the same value."""
    if not is_object(schema):
        return schema
    made = dict(schema)
    for key in ("items", "additionalProperties"):
        if key in made:
            made[key] = _closed(made[key])
    if "properties" in made:
        made["properties"] = {name: _closed(each) for name, each in made["properties"].items()}
    for key in ("allOf", "anyOf", "oneOf"):
        if key in made:
            made[key] = [_closed_within(each) for each in made[key]]
    return made


def _outline(value: Any, words: Collection[str]) -> Any:
    """The value with one text in the place of all that no schema can tell apart: many messages have one outline."""
    if isinstance(value, str):
        return value if value in words or not value else "~"
    if is_list(value):
        return [_outline(each, words) for each in value]
    if is_object(value):
        return {name: _outline(each, words) for name, each in value.items()}
    return value


def _words(schema: Any) -> Iterator[str]:
    """Texts that a schema asks for."""
    if is_list(schema):
        for each in schema:
            yield from _words(each)
    elif is_object(schema):
        for name, each in schema.items():
            if name in ("const", "enum"):
                yield from (word for word in ([each] if name == "const" else each) if isinstance(word, str))
            yield from _words(each)
