"""The difference between two configurations, as history and rollback tell it."""

from typing import Any

from continuum.config import Config, from_mapping
from continuum.config.changes import changes

OLD: dict[str, Any] = {
    "backends": [
        {"name": "openai", "type": "openai", "api_key": "sk-old-secret-aaaa", "weight": 1},
        {"name": "gone", "url": "http://gone", "api_key": "sk-gone-secret-bbbb"},
    ],
    "logging": {"level": "debug"},
    "admin": {"auth": {"token": "short"}},
    "routing": {"aliases": {"a": "b", "c": "d"}, "rules": [{"match": "m", "backends": ["openai"]}]},
}
NEW: dict[str, Any] = {
    "backends": [
        {"name": "openai", "type": "openai", "api_key": "sk-new-secret-aaaa", "weight": 4, "models": ["m"]},
        {"name": "fresh", "url": "http://fresh"},
    ],
    "admin": {"auth": {"token": "other"}, "rate_limit": {"requests_per_minute": 5}},
    "routing": {"aliases": {"a": "x"}, "rules": [{"match": "n", "backends": ["openai"]}]},
}


def test_every_kind_of_change() -> None:
    found = changes(from_mapping(OLD), from_mapping(NEW))
    assert list(found) == ["backends", "logging", "admin", "routing"]
    assert found["logging"] == {"level": {"from": "debug", "to": "info"}}
    backends = found["backends"]
    assert set(backends) == {"openai.api_key", "openai.weight", "openai.models", "gone", "fresh"}
    assert backends["openai.weight"] == {"from": 1, "to": 4}
    assert backends["openai.api_key"] == {"from": "sk-***aaaa", "to": "sk-***aaaa"}, "masks that look alike"
    assert backends["openai.models"] == {"from": [], "to": ["m"]}
    assert backends["gone"]["to"] is None
    assert (backends["gone"]["from"]["url"], backends["gone"]["from"]["api_key"]) == ("http://gone", "sk-***bbbb")
    assert (backends["fresh"]["from"], backends["fresh"]["to"]["name"]) == (None, "fresh")
    assert found["admin"] == {
        "auth.token": {"from": "***", "to": "***"},
        "rate_limit": {"from": None, "to": {"requests_per_minute": 5}},
    }
    assert found["routing"]["aliases.a"] == {"from": "b", "to": "x"}
    assert found["routing"]["aliases.c"] == {"from": "d", "to": None}
    assert found["routing"]["rules"]["to"] == [{"match": "n", "backends": ["openai"]}]
    assert "secret" not in str(found)


def test_an_order_is_a_difference_too() -> None:
    entries = [{"name": name, "url": f"http://{name}"} for name in "ab"]
    one, other = from_mapping({"backends": entries}), from_mapping({"backends": entries[::-1]})
    assert changes(one, other) == {"backends": {"order": {"from": ["a", "b"], "to": ["b", "a"]}}}


def test_nothing_is_nothing() -> None:
    assert changes(Config(), from_mapping({"logging": {"level": "info"}, "acp": {}})) == {}
    assert changes(Config(), from_mapping({"cache": {"model_list_ttl": "1s"}})) == {}, "no section of the admin API"
