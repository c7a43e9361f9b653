"""What is legal and probably not meant: strayed names, and keys whose mechanism is still to come."""

from typing import Any

import pytest

from continuum.config import SECTIONS, Config, from_mapping, json_schema, warnings
from continuum.config.hints import NOT_YET, is_set
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
        below = found.get("items") or found.get("additionalProperties")
        found = below if key == "*" else found.get("properties", {}).get(key)
        if not found:
            return None
    return dict(found)


@pytest.mark.parametrize("path", LATER, ids=".".join)
def test_a_key_that_is_marked_is_there(path: tuple[str, ...]) -> None:
    assert schema_of(path) is not None
    assert not any(path[:length] in LATER for length in range(1, len(path))), "the row above says it already"


def written(path: tuple[str, ...]) -> object:
    """The least that sets a path: sections empty, single keys at a value of their schema."""
    if path == ("storage", "url"):
        return "redis://h"
    schema = schema_of(path) or {}
    if schema["type"] == "object":
        return {}
    if schema["type"] == "array":
        return []
    return schema.get("default", 1 if schema["type"] == "integer" else "x")


@pytest.mark.parametrize("path", [path for path in LATER if "*" not in path], ids=".".join)
def test_what_does_nothing_yet_is_told_once_when_itis_set(path: tuple[str, ...]) -> None:
    *above, last = path
    data: dict[str, Any] = {last: written(path)}
    for key in reversed(above):
        data = {key: data}
    assert early(data) == [".".join(path)]
    assert early({}) == []


def test_a_star_is_each_item() -> None:
    """No row holds one at present."""
    path = ("backends", "*", "weight")
    other = {"name": "b", "url": "http://h"}
    assert is_set(from_mapping({"backends": [BACKEND, {**other, "weight": 2}]}), path)
    assert not is_set(from_mapping({"backends": [BACKEND, other]}), path)


def test_sections_are_stored_all_the_same() -> None:
    data: dict[str, Any] = {name: {} for name, info in SECTIONS.items() if not info.many}
    assert from_mapping(data) == Config()
