"""Sections read, replaced, patched and judged, sentence by sentence of the contract."""

import json
from typing import Any

import jsonschema_rs
import pytest
from admin_contract import (
    ALPHA_KEY,
    NOWHERE,
    SECTIONS,
    TIME,
    every_value,
    ok,
    refused,
    section,
    unknown_section,
    version,
    warned,
)
from plain_client import PlainClient

PUT = ("success", "message", "version", "hot_reload_capability", "applied", "warnings")


def test_full_holds_exactly_the_fifteen_sections_in_order_and_no_null(ask: PlainClient) -> None:
    body = ok(ask("GET", "/config/full"), "config", "hot_reload_enabled", "last_modified")
    assert list(body["config"]) == list(SECTIONS)
    assert body["hot_reload_enabled"] is False
    assert TIME.match(body["last_modified"])
    assert not [path for path, value in every_value(body["config"]) if value is None]
    assert body["config"]["server"]["bind_address"]
    assert body["config"]["logging"]["level"] == "info"
    newest = ok(ask("GET", "/config/history?limit=1"))["history"][0]
    assert body["last_modified"] == newest["timestamp"]


def test_sections_are_listed_with_one_line_each_and_their_reload_class(ask: PlainClient) -> None:
    body = ok(ask("GET", "/config/sections"), "sections")
    assert all(set(each) == {"name", "description", "hot_reload_capability"} for each in body["sections"])
    assert {each["name"]: each["hot_reload_capability"] for each in body["sections"]} == SECTIONS
    assert [each["name"] for each in body["sections"]] == list(SECTIONS)
    for each in body["sections"]:
        assert each["description"].strip()
        assert len(each["description"].splitlines()) == 1


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_is_what_full_has_of_it_and_valid_under_its_schema(ask: PlainClient, name: str) -> None:
    body = ok(ask("GET", f"/config/{name}"), "section", "config", "hot_reload_capability", "description")
    listed = {each["name"]: each for each in ok(ask("GET", "/config/sections"))["sections"]}
    assert body["section"] == name
    assert body["hot_reload_capability"] == SECTIONS[name]
    assert body["description"] == listed[name]["description"]
    assert body["config"] == ok(ask("GET", "/config/full"))["config"][name]
    assert isinstance(body["config"], list if name == "backends" else dict)
    schema = ok(ask("GET", f"/config/schema?section={name}"), "schema")["schema"]
    _check_schema(schema)
    assert schema["type"] == ("array" if name == "backends" else "object")
    _check_valid(body["config"], schema)
    whole = ok(ask("GET", "/config/schema"))["schema"]["properties"][name]
    heading = {"$schema", "title"}
    assert whole == {key: value for key, value in schema.items() if key not in heading}


def _check_valid(data: Any, schema: Any) -> None:
    jsonschema_rs.Draft7Validator(schema).validate(data)


def _check_schema(schema: Any) -> None:
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema_rs.meta.validate(schema)
    for path, value in every_value(schema):
        assert not path.endswith(("/$ref", "/anyOf")), path
        if path.endswith("/properties"):
            assert [name for name, field in value.items() if not str(field.get("description", "")).strip()] == [], path


def test_the_whole_schema_is_draft_7_and_the_view_valid_under_it(ask: PlainClient) -> None:
    schema = ok(ask("GET", "/config/schema"), "schema")["schema"]
    _check_schema(schema)
    assert schema["type"] == "object"
    assert list(schema["properties"]) == list(SECTIONS)
    _check_valid(ok(ask("GET", "/config/full"))["config"], schema)
    server = schema["properties"]["server"]["properties"]
    assert server["bind_address"]["type"] == "string"
    assert server["bind_address"]["pattern"]
    assert (server["workers"]["type"], server["workers"]["minimum"]) == ("integer", 1)
    level = schema["properties"]["logging"]["properties"]["level"]
    assert (level["type"], level["enum"]) == ("string", ["trace", "debug", "info", "warn", "error"])


def test_a_section_that_there_is_not(ask: PlainClient) -> None:
    unknown_section(ask("GET", "/config/nonsense"), 404, "nonsense")
    unknown_section(ask("GET", "/config/acp"), 404, "acp")
    unknown_section(ask("GET", "/config/schema?section=nonsense"), 404, "nonsense")
    unknown_section(ask("GET", "/config/history?section=nonsense"), 404, "nonsense")
    unknown_section(ask("PUT", "/config/nonsense", {"config": {}}), 400, "nonsense")
    unknown_section(ask("PUT", "/config/acp", {"config": {}}), 400, "acp")
    unknown_section(ask("PATCH", "/config/nonsense", {"config": {}}), 400, "nonsense")
    unknown_section(ask("POST", "/config/validate", {"section": "nonsense", "config": {}}), 400, "nonsense")
    unknown_section(ask("POST", "/config/apply", {"sections": ["nonsense"]}), 400, "nonsense")
    unknown_section(ask("POST", "/config/export", {"format": "yaml", "sections": ["nonsense"]}), 400, "nonsense")
    unknown_section(ask("POST", "/config/rollback/1", {"sections": ["nonsense"]}), 400, "nonsense")
    unknown_section(ask("POST", "/config/import", {"format": "json", "content": '{"nonsense": {}}'}), 400, "nonsense")


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_written_back_as_it_is_shown_changes_nothing(ask: PlainClient, name: str) -> None:
    before, config = version(ask), section(ask, name)
    echo = ok(ask("PUT", f"/config/{name}", {"config": config}), *PUT)
    told = echo["success"], echo["version"], echo["applied"], echo["hot_reload_capability"]
    assert told == (True, before, True, SECTIONS[name])
    if name != "backends":  # a list cannot be merged into
        patched = ok(ask("PATCH", f"/config/{name}", {"config": {}}), *PUT, "merged_config")
        assert (patched["version"], patched["merged_config"]) == (before, config)
    assert section(ask, name) == config


def test_put_replaces_and_absent_keys_return_to_their_defaults(ask: PlainClient) -> None:
    before = section(ask, "retry")
    first = ok(ask("PUT", "/config/retry", {"config": {"max_attempts": 5, "base_delay": "250ms"}}), *PUT)
    assert first["success"] is True
    assert first["message"] == "Configuration updated successfully"
    assert first["hot_reload_capability"] == "immediate"
    assert first["applied"] is True
    assert first["warnings"] == []
    assert section(ask, "retry") == {**before, "max_attempts": 5, "base_delay": "250ms"}
    second = ok(ask("PUT", "/config/retry", {"config": {}}), *PUT)
    assert second["version"] == first["version"] + 1
    assert section(ask, "retry") == before


def test_patch_merges_removes_with_null_and_replaces_lists(ask: PlainClient) -> None:
    before = section(ask, "circuit_breaker")
    body = {
        "config": {"failure_threshold": 9, "failure_status_codes": [500], "backends": {"alpha": {"enabled": False}}}
    }
    first = ok(ask("PATCH", "/config/circuit_breaker", body), *PUT, "merged_config")
    assert first["message"] == "Configuration partially updated"
    assert (first["success"], first["applied"], first["warnings"]) == (True, True, [])
    assert first["merged_config"] == section(ask, "circuit_breaker")
    assert first["merged_config"]["failure_threshold"] == 9
    assert first["merged_config"]["failure_status_codes"] == [500]
    assert first["merged_config"]["timeout_seconds"] == before["timeout_seconds"]
    assert first["merged_config"]["backends"]["alpha"]["enabled"] is False
    nulls = {"failure_threshold": None, "failure_status_codes": None, "backends": {"alpha": None}}
    second = ok(ask("PATCH", "/config/circuit_breaker", {"config": nulls}))
    assert second["merged_config"] == before
    assert second["version"] == first["version"] + 1


def test_a_list_in_a_merge_patch_is_taken_whole(ask: PlainClient) -> None:
    codes = section(ask, "circuit_breaker")["failure_status_codes"]
    merged = ok(ask("PATCH", "/config/circuit_breaker", {"config": {"failure_status_codes": [502, 503]}}))
    assert merged["merged_config"]["failure_status_codes"] == [502, 503]
    ok(ask("PUT", "/config/circuit_breaker", {"config": {"failure_status_codes": codes}}))


def test_a_write_that_changes_nothing_makes_no_version(ask: PlainClient) -> None:
    before = version(ask)
    assert ok(ask("PATCH", "/config/logging", {"config": {"level": "info"}}))["version"] == before
    assert ok(ask("PATCH", "/config/logging", {"config": {}}))["version"] == before
    assert version(ask) == before


@pytest.mark.usefixtures("restored")
def test_masked_secrets_sent_back_stay_with_their_entries(ask: PlainClient) -> None:
    entries = section(ask, "backends")
    entries[0]["weight"] = 5
    moved = ok(ask("PUT", "/config/backends", {"config": entries[::-1]}))
    exported = ok(ask("POST", "/config/export", {"format": "json", "include_sensitive": True}))["content"]
    keys = {entry["name"]: entry["api_key"] for entry in json.loads(exported)["backends"]}
    assert keys == {"alpha": ALPHA_KEY, "beta": "short"}
    entries[0]["api_key"] = "sk-***wxyz"  # a mask of another one
    again = ok(ask("PUT", "/config/backends", {"config": entries[::-1]}))
    assert (again["version"], set(warned(again["warnings"]))) == (moved["version"], {"1.api_key"})


def test_validate_judges_as_put_would_and_does_nothing(ask: PlainClient) -> None:
    before = version(ask)
    for dry_run in ({}, {"dry_run": True}, {"dry_run": False}):
        good = ok(
            ask("POST", "/config/validate", {"section": "logging", "config": {"level": "debug"}, **dry_run}),
            *("valid", "errors", "warnings", "hot_reload_capability"),
        )
        assert good == {"valid": True, "errors": [], "warnings": [], "hot_reload_capability": "immediate"}
    warns = ok(ask("POST", "/config/validate", {"section": "server", "config": {"bind_address": "127.0.0.1:1"}}))
    assert warns["valid"] is True
    assert warned(warns["warnings"])["bind_address"] == "Changing bind_address requires server restart"
    assert version(ask) == before
    assert section(ask, "logging")["level"] == "info"


def test_a_restart_only_field_is_stored_and_told_until_the_process_runs_with_it(ask: PlainClient) -> None:
    running = section(ask, "server")
    changed = {**running, "bind_address": "127.0.0.1:18080", "connection_pool_size": 7}
    words = {
        "bind_address": "Changing bind_address requires server restart",
        "connection_pool_size": "Changing connection_pool_size requires server restart",
    }
    first = ok(ask("PUT", "/config/server", {"config": changed}), *PUT)
    assert (first["applied"], first["hot_reload_capability"]) == (False, "requires_restart")
    assert warned(first["warnings"]) == words
    assert section(ask, "server") == changed
    again = ok(ask("PATCH", "/config/server", {"config": {}}))
    assert (again["applied"], again["version"]) == (False, first["version"])
    assert warned(again["warnings"]) == words
    back = ok(ask("PUT", "/config/server", {"config": running}))
    assert (back["applied"], back["warnings"]) == (True, [])


def test_reads_tell_the_version_and_writes_honour_if_match(ask: PlainClient) -> None:
    current = version(ask)
    for path in ("/config/full", "/config/logging", "/config/history", "/backends", "/backends/alpha"):
        assert ask("GET", path).headers["etag"] == f'"{current}"', path
    for tag in ("nonsense", '"7000"'):
        refused(ask("PUT", "/config/logging", {"config": {}}, headers={"If-Match": tag}), 409, "VERSION_CONFLICT")
    stale = {"If-Match": f'"{current - 1}"'}
    good = {"If-Match": f'"{current}"'}
    body = {"config": {"level": "debug"}}
    refused(ask("PATCH", "/config/logging", body, headers=stale), 409, "VERSION_CONFLICT")
    refused(ask("PUT", "/config/logging", body, headers=stale), 409, "VERSION_CONFLICT")
    refused(ask("PUT", "/backends/alpha/weight", {"weight": 2}, headers=stale), 409, "VERSION_CONFLICT")
    refused(ask("POST", "/backends", {"name": "x", "url": NOWHERE}, headers=stale), 409, "VERSION_CONFLICT")
    refused(ask("DELETE", "/backends/alpha", headers=stale), 409, "VERSION_CONFLICT")
    refused(ask("POST", "/config/rollback/1", headers=stale), 409, "VERSION_CONFLICT")
    refused(ask("POST", "/config/apply", headers=stale), 409, "VERSION_CONFLICT")
    content = {"format": "yaml", "content": "logging: {level: debug}"}
    refused(ask("POST", "/config/import", content, headers=stale), 409, "VERSION_CONFLICT")
    assert version(ask) == current
    assert ok(ask("PATCH", "/config/logging", body, headers=good))["version"] == current + 1
    refused(ask("PATCH", "/config/logging", {"config": {"level": "info"}}, headers=good), 409, "VERSION_CONFLICT")
    tags = ("*", "warn"), ('"1", "{}"', "error"), ('W/"{}"', "info")
    for number, (tag, level) in enumerate(tags, start=current + 2):
        body = {"config": {"level": level}}
        answer = ask("PATCH", "/config/logging", body, headers={"If-Match": tag.format(number - 1)})
        assert (ok(answer)["version"], answer.headers["etag"]) == (number, f'"{number}"')
