"""What is legal and probably not meant: strayed names, and keys whose mechanism is still to come."""

from typing import Any

import pytest

from continuum.config import SECTIONS, Config, from_mapping, json_schema, warnings
from continuum.config.hints import NOT_YET
from continuum.config.later import LATER

BACKEND = {"name": "a", "url": "http://h"}


def told(data: dict[str, Any]) -> list[str]:
    return [str(warning) for warning in warnings(from_mapping(data)) if warning.rule != NOT_YET]


def early(data: dict[str, Any]) -> list[str]:
    return [warning.key for warning in warnings(from_mapping(data)) if warning.rule == NOT_YET]


def test_nothing_to_say() -> None:
    assert warnings(Config()) == []
    assert told({"backends": [BACKEND]}) == []


def test_names_of_backends_that_are_not_there() -> None:
    named = {
        "backends": [BACKEND],
        "routing": {"rules": [{"match": "m", "backends": ["a", "b"]}]},
        "circuit_breaker": {"backends": {"a": {}, "c": {"enabled": False}}},
        "global_prompts": {"backends": {"a": {"prompt": "x"}, "d": {"prompt": "y"}}},
    }
    assert told(named) == [
        "routing.rules.0.backends.1: there is no backend 'b'",
        "circuit_breaker.backends.c: there is no backend 'c'",
        "global_prompts.backends.d: there is no backend 'd'",
    ]


def test_what_redis_should_share_and_no_redis() -> None:
    shared = {"rate_limiting": {"storage": "redis"}, "cache": {"responses": {"storage": "redis"}}}
    assert told(shared) == [
        "rate_limiting.storage: redis needs storage.url, which is not set",
        "cache.responses.storage: redis needs storage.url, which is not set",
    ]
    assert told({**shared, "storage": {"url": "redis://h"}}) == []


def schema_of(path: tuple[str, ...]) -> dict[str, Any] | None:
    """What the schema says of a path of LATER; None where there is no such key."""
    found: Any = json_schema()
    for key in path:
        found = found.get("properties", {}).get(key)
        if not found:
            return None
    return dict(found)


@pytest.mark.parametrize("path", LATER, ids=".".join)
def test_a_key_that_is_marked_is_there(path: tuple[str, ...]) -> None:
    assert schema_of(path) is not None
    assert not any(path[:length] in LATER for length in range(1, len(path))), "the row above says it already"


OTHERS: dict[str, object] = {
    "server.header_timeout": "16s",
    "metrics.otlp": {"endpoint": "http://h"},
    "storage.url": "redis://h",
    "tracing": {"otlp": {"endpoint": "http://h"}},
}
"""Values of a form of their own that are no defaults."""


def other_than_default(schema: dict[str, Any]) -> object:
    """A value of a schema that is not its default: of a section, one with its first simple key so."""
    if schema["type"] == "object":
        simple = {"boolean", "integer"}
        key, inner = next(each for each in schema["properties"].items() if each[1].get("type") in simple)
        return {key: other_than_default(inner)}
    if "enum" in schema:
        return next(value for value in schema["enum"] if value != schema["default"])
    if schema["type"] == "boolean":
        return not schema["default"]
    return schema["default"] + 1 if schema["type"] == "integer" else "x"


@pytest.mark.parametrize("path", LATER, ids=".".join)
def test_what_does_nothing_yet_is_told_once_when_it_is_not_as_by_default(path: tuple[str, ...]) -> None:
    def config(value: object) -> dict[str, Any]:
        *above, last = path
        made: dict[str, Any] = {last: value}
        for key in reversed(above):
            made = {key: made}
        return made

    schema = schema_of(path) or {}
    name = ".".join(path)
    assert early(config(OTHERS.get(name) or other_than_default(schema))) == [name]
    if "default" in schema:
        assert early(config(schema["default"])) == []


def test_sections_are_stored_all_the_same() -> None:
    data: dict[str, Any] = {name: {} for name, info in SECTIONS.items() if not info.many}
    assert from_mapping(data) == Config()
