"""What is shown of a configuration: the masked view, and the schema it is valid under."""

import json
import re
from typing import Any

import pytest

from continuum.config import SECTIONS, Config, from_mapping, json_schema, masked
from continuum.config.codec import dump, parse
from continuum.config.plain import is_list, is_mapping
from continuum.config.schema import admin_schema
from continuum.config.secret import is_masked, mask
from continuum.config.view import ADMIN_SECTIONS, revealed, without_defaults
from continuum.providers import PROVIDERS
from continuum.selection import STRATEGIES

HIDDEN = "hidden-value"
MASKED = "hid***alue"
FULL: dict[str, Any] = {
    "server": {
        "bind_address": ["127.0.0.1:1", "unix:/s"],
        "max_request_body": "10MB",
        "tls": {"cert_file": "c", "key_file": "k"},
    },
    "backends": [
        {
            "name": "a",
            "url": "http://h/v1",
            "api_keys": [HIDDEN, HIDDEN],
            "headers": {"X-Team": HIDDEN},
            "models": ["m", {"id": "n", "upstream": "o"}],
            "proxy": f"http://u:{HIDDEN}@p",
            "health_check": {"interval": "5s"},
            "max_in_flight": 3,
        },
        {"name": "b", "url": "http://h:{port}", "api_key": HIDDEN, "managed": {"command": ["x", "{port}"]}},
    ],
    "timeouts": {"idle": "5m", "connection": 2, "model_overrides": {"g": {"streaming": {"total": "1h"}}}},
    "acp": {"mcp_servers": [{"name": "s", "command": "c", "env": {"K": HIDDEN}}]},
}


def kind_of(value: Any) -> set[str]:
    """The names JSON Schema has for what the value is."""
    kinds: dict[type[Any], str] = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    kind = kinds.get(value.__class__, "object")
    return {kind, "number"} if kind == "integer" else {kind}


def below_of(schema: dict[str, Any], name: str) -> Any:
    """The schema of one key; False where there must be none."""
    patterns = schema.get("patternProperties", {}).items()
    fallback = next((inner for pattern, inner in patterns if re.search(pattern, name)), schema["additionalProperties"])
    return schema.get("properties", {}).get(name, fallback)


def faults(schema: dict[str, Any], value: Any, where: str = "") -> list[str]:
    """What is wrong with `value` under the part of JSON Schema our schema keeps to."""
    allowed: list[str] = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    found = [] if kind_of(value) & set(allowed) else [f"{where}: not {allowed}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: not in enum")
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{where}: pattern")
    if is_list(value):
        for index, item in enumerate(value):
            found += faults(schema["items"], item, f"{where}.{index}")
    if is_mapping(value):
        found += [f"{where}: lacks {name}" for name in schema.get("required", []) if name not in value]
        for name, inner in value.items():
            below = below_of(schema, name)
            found += faults(below, inner, f"{where}.{name}") if below else [f"{where}: unknown {name}"]
    return found


def nodes(schema: dict[str, Any], where: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every schema inside the schema."""
    found = [(where, schema)]
    for name, inner in schema.get("patternProperties", {}).items():
        found += nodes(inner, f"{where}.{name}.items")
    for name, inner in schema.get("properties", {}).items():
        found += nodes(inner, f"{where}.{name}")
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(key), dict):
            found += nodes(schema[key], f"{where}.{key}")
    return found


def test_secrets_are_masked_and_unset_keys_left_out() -> None:
    view = masked(from_mapping(FULL))
    text = json.dumps(view)
    assert HIDDEN not in text
    assert "null" not in text
    first, second = view["backends"]
    assert first["api_keys"] == [MASKED, MASKED]
    assert (first["headers"], first["proxy"], second["api_key"]) == ({"X-Team": MASKED}, "htt***ue@p", MASKED)
    assert view["acp"]["mcp_servers"][0]["env"] == {"K": MASKED}
    assert "api_key" not in first
    assert first["models"] == ["m", {"id": "n", "upstream": "o"}]
    assert HIDDEN not in f"{from_mapping(FULL)!r}{from_mapping(FULL)!s}{from_mapping(FULL).model_dump()}"


def test_values_are_shown_as_they_were_written() -> None:
    view = masked(from_mapping(FULL))
    assert view["server"]["bind_address"] == "127.0.0.1:1,unix:/s"
    assert view["server"]["max_request_body"] == "10MB"
    assert (view["timeouts"]["idle"], view["timeouts"]["connection"]) == ("5m", "2s")
    assert list(view) == list(SECTIONS)


def test_values_set_by_hand_are_shown_too() -> None:
    config = Config()
    config.timeouts.idle = 30.0
    config.server.max_request_body = 4096
    view = masked(config)
    assert (view["timeouts"]["idle"], view["server"]["max_request_body"]) == ("30s", "4KiB")


def test_the_view_reads_back() -> None:
    assert from_mapping(parse(dump(masked(Config())), "yaml").data) == Config()


@pytest.mark.parametrize("data", [{}, FULL], ids=["defaults", "full"])
def test_the_view_is_valid_under_the_schema(data: dict[str, Any]) -> None:
    assert faults(json_schema(), masked(from_mapping(data))) == []


def test_what_is_wrong_is_wrong_under_the_schema_too() -> None:
    for data in ({"server": {"workers": True}}, {"backends": [{"nme": "a"}]}, {"timeouts": {"idle": "x"}}, {"x": 1}):
        assert faults(json_schema(), data)


KEYWORDS = {
    *("$schema", "title", "type", "description", "default", "enum", "format", "pattern", "minimum", "maximum"),
    *("exclusiveMinimum", "minLength", "minItems", "items", "properties", "required", "additionalProperties"),
    *("propertyNames", "patternProperties"),
}


def test_the_schema_is_plain_and_whole() -> None:
    schema = json_schema()
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert list(schema["properties"]) == list(Config.model_fields)
    for where, node in nodes(schema):
        assert set(node) <= KEYWORDS, where
        named = where.rpartition(".")[2] not in {"items", "additionalProperties", "propertyNames"}
        assert "type" in node, where
        assert "description" in node or not named, where
        assert "\n" not in node.get("description", ""), where


def test_the_schema_takes_its_names_from_the_tables() -> None:
    schema = json_schema()["properties"]
    assert schema["backends"]["items"]["properties"]["type"]["enum"] == list(PROVIDERS)
    assert schema["routing"]["properties"]["selection_strategy"]["enum"] == list(STRATEGIES)


def test_the_schema_gives_defaults_as_people_write_them() -> None:
    schema = json_schema()["properties"]
    assert (
        schema["timeouts"]["properties"]["request"]["properties"]["streaming"]["properties"]["total"]["default"]
        == "3600s"
    )
    assert schema["server"]["properties"]["max_request_body"]["default"] == "32MiB"
    assert "default" not in schema["logging"]["properties"]["file"]


def test_the_schema_is_the_same_every_time() -> None:
    assert json.dumps(json_schema()) == json.dumps(json_schema())


@pytest.mark.parametrize(
    ("secret", "shown"),
    [("sk-0123456789abcd", "sk-***abcd"), ("twelve-chars", "twe***hars"), ("eleven-char", "***"), ("s", "***")],
)
def test_masks(secret: str, shown: str) -> None:
    assert mask(secret) == shown
    assert is_masked(shown)


def test_the_secrets_themselves_where_they_are_asked_for() -> None:
    config = from_mapping(FULL)
    assert revealed(config)["backends"][0]["api_keys"] == [HIDDEN, HIDDEN]
    assert from_mapping(revealed(config)) == config


def test_a_view_without_defaults_says_the_same() -> None:
    config = from_mapping(FULL)
    short = without_defaults(config, revealed(config))
    assert from_mapping(short) == config
    assert set(short) == {"server", "backends", "timeouts", "acp"}
    assert "weight" not in short["backends"][0]
    assert without_defaults(Config(), masked(Config())) == {}


def test_the_admin_schema_covers_the_fifteen_sections() -> None:
    assert len(ADMIN_SECTIONS) == 15
    schema = admin_schema()
    assert list(schema["properties"]) == list(ADMIN_SECTIONS)
    view = masked(from_mapping(FULL))
    assert faults(schema, {name: view[name] for name in ADMIN_SECTIONS}) == []
    for name in ADMIN_SECTIONS:
        own = admin_schema(name)
        assert own["$schema"] == schema["$schema"]
        assert faults(own, view[name]) == []
