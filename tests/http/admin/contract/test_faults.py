"""What is said of configurations that are wrong, sentence by sentence of the contract."""

from typing import Any

import pytest
from admin_contract import SECTIONS, faults, judged, ok, version
from plain_client import Answer, PlainClient


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("server", "workers"),
        ("retry", "max_attempts"),
        ("circuit_breaker", "failure_threshold"),
        ("admin", "max_history_entries"),
    ],
)
def test_the_fixed_words_of_a_number_that_is_too_small(ask: PlainClient, name: str, key: str) -> None:
    before = version(ask)
    config, expected = {key: 0}, {key: f"{key} must be greater than 0"}
    assert faults(ask("PUT", f"/config/{name}", {"config": config})) == expected
    assert faults(ask("PATCH", f"/config/{name}", {"config": config})) == expected
    answer = ok(
        ask("POST", "/config/validate", {"section": name, "config": config}),
        *("valid", "errors", "warnings", "hot_reload_capability"),
    )
    assert (answer["valid"], answer["hot_reload_capability"]) == (False, SECTIONS[name])
    assert judged(answer["errors"]) == expected
    assert version(ask) == before


def _fields(answer: Answer) -> set[str]:
    return set(faults(answer))


def test_fields_are_dotted_keys_inside_the_section(ask: PlainClient) -> None:
    bad = [{"name": "x", "url": "ftp://example.org"}]
    assert _fields(ask("PUT", "/config/backends", {"config": bad})) == {"0.url"}
    assert _fields(ask("POST", "/backends", {"name": "x", "url": "ftp://example.org"})) == {"url"}
    assert _fields(ask("PUT", "/backends/alpha", {"url": "ftp://example.org"})) == {"url"}
    assert _fields(ask("PUT", "/backends/alpha/weight", {"weight": 0})) == {"weight"}
    content = '{"logging": {"level": "loud"}, "server": {"workers": 0}}'
    assert _fields(ask("POST", "/config/import", {"format": "json", "content": content})) == {
        "logging.level",
        "server.workers",
    }
    judgement = ok(ask("POST", "/config/import", {"format": "json", "content": content, "dry_run": True}))
    assert set(judged(judgement["validation"]["errors"])) == {"logging.level", "server.workers"}


FAULTS: list[tuple[str, Any, str, str]] = [
    ("server", {"workers": True}, "workers", "workers must be a whole number"),
    ("logging", {"levle": "info"}, "levle", "unknown key; did you mean 'level'?"),
    ("admin", {"auth": {"method": "magic"}}, "auth.method", "method must be"),
    ("admin", {"ip_whitelist": ["10.0.0.0/8", "x"]}, "ip_whitelist.1", "ip_whitelist.1 must be an IP address"),
    ("admin", {"auth": {"token": "sk-***abcd"}}, "auth.token", "token is a masked secret"),
    ("backends", [{"name": "x"}], "0.url", "url is required"),
    ("backends", {}, "config", "backends must be a list"),
    ("logging", [], "config", "logging must be a mapping"),
    ("logging", None, "config", "logging must be a mapping"),
    ("logging", "info", "config", "logging must be a mapping"),
    ("logging", {"file": "/var/log/x"}, "file", "file can only be changed in the configuration file"),
]


@pytest.mark.parametrize(("name", "config", "field", "message"), FAULTS)
def test_what_is_said_of_a_section_that_is_replaced_is_said_of_one_that_is_judged(
    ask: PlainClient, name: str, config: Any, field: str, message: str
) -> None:
    before = version(ask)
    ((found, said),) = faults(ask("PUT", f"/config/{name}", {"config": config})).items()
    assert (found, said[: len(message)]) == (field, message)
    answer = ok(ask("POST", "/config/validate", {"section": name, "config": config}))
    assert (answer["valid"], judged(answer["errors"])) == (False, {field: said})
    assert version(ask) == before


def test_every_fault_is_told_at_once(ask: PlainClient) -> None:
    wrong = {"max_attempts": 0, "jiter": 1}
    assert _fields(ask("PUT", "/config/retry", {"config": wrong})) == {"max_attempts", "jiter"}


@pytest.mark.parametrize("verb", ["PUT", "PATCH"])
@pytest.mark.parametrize("body", [{}, {"config": 7}, {"config": None}, [], 7, "text", None, {"config": {}, "more": 1}])
def test_json_of_the_wrong_shape_is_a_validation_error(ask: PlainClient, verb: str, body: Any) -> None:
    before = version(ask)
    assert faults(ask(verb, "/config/logging", body))
    assert version(ask) == before
