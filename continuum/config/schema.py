"""The configuration's JSON Schema (draft 7): no references, no null alternatives, every key described."""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from continuum.config.model import SECTIONS, Config
from continuum.config.plain import is_list, is_mapping
from continuum.config.quantity import Bytes, Seconds
from continuum.config.section import Group
from continuum.config.view import ADMIN_SECTIONS

_DRAFT = "http://json-schema.org/draft-07/schema#"
_NULLABLE = "nullable"


def json_schema() -> dict[str, Any]:
    """Schema of the whole configuration file; the same for the same classes, key for key."""
    schema = plain_schema(Config)
    for name, info in SECTIONS.items():
        schema["properties"][name]["description"] = info.description
    return {"$schema": _DRAFT, "title": "Continuum configuration", **schema}


def plain_schema(group: type[Group]) -> dict[str, Any]:
    """Schema of one group of keys."""
    raw = group.model_json_schema(schema_generator=_Generator)
    return _flat(raw, raw.get("$defs", {}))


def body_schema(group: type[Group]) -> dict[str, Any]:
    """Schema of a request's body: there null is taken for an optional key, too, as if it were left out."""
    raw = group.model_json_schema(schema_generator=_WithNulls)
    made: dict[str, Any] = _with_nulls(_flat(raw, raw.get("$defs", {})))
    return made


def admin_schema(section: str | None = None) -> dict[str, Any]:
    """Schema of the admin API's view of the configuration, or of one section of it."""
    whole = json_schema()
    if section is not None:
        return {"$schema": _DRAFT, "title": section, **whole["properties"][section]}
    return {**whole, "properties": {name: whole["properties"][name] for name in ADMIN_SECTIONS}}


class _Generator(GenerateJsonSchema):
    """An optional key may be left out, not be null; defaults are shown as people write them."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def encode_default(self, dft: Any) -> Any:
        return dft.text if isinstance(dft, (Seconds, Bytes)) else super().encode_default(dft)

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


class _WithNulls(_Generator):
    """Marks what may be null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return {**super().nullable_schema(schema), _NULLABLE: True}


def _with_nulls(schema: Any) -> Any:
    """The marks made into types."""
    if is_list(schema):
        return [_with_nulls(each) for each in schema]
    if not is_mapping(schema):
        return schema
    made = {key: _with_nulls(inner) for key, inner in schema.items() if key != _NULLABLE}
    if schema.get(_NULLABLE) is True and "type" in made:
        kinds = made["type"]
        made["type"] = [*(kinds if is_list(kinds) else [kinds]), "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made


def _flat(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with references replaced by what they name, and without titles made from class names."""
    flat = {key: value for key, value in schema.items() if key not in {"$ref", "$defs", "title"}}
    if "$ref" in schema:
        flat = {**_flat(definitions[schema["$ref"].rpartition("/")[2]], definitions), **flat}
    if "description" in flat:
        flat["description"] = flat["description"].partition("\n")[0]
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(flat.get(key), dict):
            flat[key] = _flat(flat[key], definitions)
    if "propertyNames" in flat:
        flat["propertyNames"] = {"type": "string", **flat["propertyNames"]}
    for key in ("properties", "patternProperties"):
        if key in flat:
            flat[key] = {name: _flat(inner, definitions) for name, inner in flat[key].items()}
    if "patternProperties" in flat:
        flat["additionalProperties"] = False
    return flat
