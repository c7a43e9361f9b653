"""The configuration routes over real HTTP: each documented field, message, status and rule."""

import json
import re
import tomllib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import yaml
from admin_api import fault, ok, refused

SECTIONS = {
    "server": "requires_restart",
    "backends": "gradual",
    "logging": "immediate",
    "rate_limiting": "immediate",
    "circuit_breaker": "immediate",
    "retry": "immediate",
    "timeouts": "gradual",
    "health_checks": "gradual",
    "global_prompts": "immediate",
    "fallback": "gradual",
    "files": "gradual",
    "api_keys": "immediate",
    "metrics": "gradual",
    "admin": "gradual",
    "routing": "gradual",
}
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def put(api: httpx.Client, section: str, config: Any, **headers: str) -> httpx.Response:
    return api.put(f"/config/{section}", json={"config": config}, headers=headers)


def version(api: httpx.Client) -> int:
    return int(ok(api.get("/config/history"))["current_version"])


def test_full(api: httpx.Client) -> None:
    response = api.get("/config/full")
    body = ok(response)
    assert set(body) == {"config", "hot_reload_enabled", "last_modified"}
    assert list(body["config"]) == list(SECTIONS)
    assert ISO.fullmatch(body["last_modified"])
    assert isinstance(body["hot_reload_enabled"], bool)
    assert [entry["api_key"] for entry in body["config"]["backends"]] == ["sk-***abcd", "***"]
    assert body["config"]["logging"]["level"] == "info", "defaults are shown"
    assert "null" not in response.text
    assert response.headers["etag"] == '"1"'


def test_sections(api: httpx.Client) -> None:
    sections = ok(api.get("/config/sections"))["sections"]
    assert [(each["name"], each["hot_reload_capability"]) for each in sections] == list(SECTIONS.items())
    for each in sections:
        assert each["description"].strip()
        assert "\n" not in each["description"]


@pytest.mark.parametrize("name", SECTIONS)
def test_each_section_is_read_replaced_and_patched(api: httpx.Client, name: str) -> None:
    body = ok(api.get(f"/config/{name}"))
    assert set(body) == {"section", "config", "hot_reload_capability", "description"}
    assert (body["section"], body["hot_reload_capability"]) == (name, SECTIONS[name])
    echo = ok(put(api, name, body["config"]))
    assert echo == {
        "success": True,
        "message": "Configuration updated successfully",
        "version": 1,
        "hot_reload_capability": SECTIONS[name],
        "applied": True,
        "warnings": echo["warnings"],
    }
    if name != "backends":
        patched = ok(api.patch(f"/config/{name}", json={"config": {}}))
        assert patched["message"] == "Configuration partially updated"
        assert (patched["version"], patched["merged_config"]) == (1, body["config"])
    assert ok(api.get(f"/config/{name}"))["config"] == body["config"]
    schema = ok(api.get("/config/schema", params={"section": name}))["schema"]
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["type"] == ("array" if name == "backends" else "object")


def test_schema(api: httpx.Client) -> None:
    response = api.get("/config/schema")
    schema = ok(response)["schema"]
    assert list(schema["properties"]) == list(SECTIONS)
    assert schema["properties"]["server"]["properties"]["workers"]["minimum"] == 1
    assert "$ref" not in response.text
    assert "anyOf" not in response.text


UNKNOWN_READS = ["/config/nope", "/config/schema?section=nope", "/config/history?section=nope"]


@pytest.mark.parametrize("path", UNKNOWN_READS)
def test_an_unknown_section_to_read(api: httpx.Client, path: str) -> None:
    response = api.get(path)
    assert refused(response, 404, "SECTION_NOT_FOUND") == {"available_sections": list(SECTIONS)}
    assert response.json()["message"] == "Configuration section 'nope' not found"


UNKNOWN_WRITES: dict[str, tuple[str, str, Any]] = {
    "put": ("PUT", "/config/nope", {"config": {}}),
    "patch": ("PATCH", "/config/nope", {"config": {}}),
    "validate": ("POST", "/config/validate", {"section": "nope", "config": {}}),
    "apply": ("POST", "/config/apply", {"sections": ["logging", "nope"]}),
    "export": ("POST", "/config/export", {"format": "yaml", "sections": ["nope"]}),
    "rollback": ("POST", "/config/rollback/1", {"sections": ["nope"]}),
    "import": ("POST", "/config/import", {"format": "json", "content": '{"nope": {}}'}),
    "a root section": ("PUT", "/config/acp", {"config": {}}),
}


@pytest.mark.parametrize("name", UNKNOWN_WRITES)
def test_an_unknown_section_to_write(api: httpx.Client, name: str) -> None:
    method, path, body = UNKNOWN_WRITES[name]
    details = refused(api.request(method, path, json=body), 400, "INVALID_SECTION")
    assert details == {"available_sections": list(SECTIONS)}


def test_put_replaces_and_patch_merges(api: httpx.Client) -> None:
    assert ok(put(api, "retry", {"max_attempts": 7, "jitter": False}))["version"] == 2
    assert ok(api.patch("/config/retry", json={"config": {"max_attempts": 9}}))["merged_config"]["jitter"] is False
    patched = ok(api.patch("/config/retry", json={"config": {"jitter": None}}))
    assert (patched["merged_config"]["jitter"], patched["merged_config"]["max_attempts"]) == (True, 9)
    assert ok(put(api, "retry", {}))["version"] == 5
    assert ok(api.get("/config/retry"))["config"]["max_attempts"] == 3, "absent keys return to defaults"


FAULTS: list[tuple[str, Any, str, str]] = [
    ("server", {"workers": 0}, "workers", "workers must be greater than 0"),
    ("retry", {"max_attempts": 0}, "max_attempts", "max_attempts must be greater than 0"),
    ("server", {"workers": True}, "workers", "workers must be a whole number"),
    ("logging", {"levle": "info"}, "levle", "unknown key; did you mean 'level'?"),
    ("admin", {"auth": {"method": "magic"}}, "auth.method", "method must be"),
    ("admin", {"ip_whitelist": ["10.0.0.0/8", "x"]}, "ip_whitelist.1", "ip_whitelist.1 must be an IP address"),
    ("backends", [{"name": "x"}], "0.url", "url is required"),
    ("backends", {}, "config", "backends must be a list"),
    ("logging", [], "config", "logging must be a mapping"),
    ("logging", None, "config", "logging must be a mapping"),
    ("logging", "info", "config", "logging must be a mapping"),
    ("logging", {"file": "/var/log/x"}, "file", "file can only be changed in the configuration file"),
    ("admin", {"auth": {"token": "sk-***abcd"}}, "auth.token", "token is a masked secret"),
]


@pytest.mark.parametrize(("section", "config", "field", "message"), FAULTS)
def test_faults_name_the_key_inside_the_section(
    api: httpx.Client, section: str, config: Any, field: str, message: str
) -> None:
    found = fault(put(api, section, config))
    assert (found["field"], found["message"].startswith(message)) == (field, True), found
    judged = ok(api.post("/config/validate", json={"section": section, "config": config}))
    assert (judged["valid"], judged["errors"]) == (False, [found])
    assert version(api) == 1


def test_every_fault_is_told_at_once(api: httpx.Client) -> None:
    details = refused(put(api, "retry", {"max_attempts": 0, "jiter": 1}), 400, "VALIDATION_ERROR")
    assert {each["field"] for each in details["errors"]} == {"max_attempts", "jiter"}


def test_what_needs_a_restart_is_stored_and_told(api: httpx.Client) -> None:
    warning = {"field": "bind_address", "message": "Changing bind_address requires server restart"}
    body = ok(put(api, "server", {"bind_address": "127.0.0.1:9999"}))
    assert (body["applied"], body["warnings"], body["version"]) == (False, [warning], 2)
    assert ok(api.get("/config/server"))["config"]["bind_address"] == "127.0.0.1:9999"
    again = ok(api.patch("/config/server", json={"config": {"bind_address": "127.0.0.1:9999"}}))
    assert (again["applied"], again["warnings"], again["version"]) == (False, [warning], 2), "also without a change"
    back = ok(put(api, "server", {}))
    assert (back["applied"], back["warnings"]) == (True, [])


def test_a_write_without_a_change_makes_no_version(api: httpx.Client) -> None:
    assert ok(put(api, "logging", {"level": "info"}))["version"] == 1
    assert ok(put(api, "logging", {"level": "debug"}))["version"] == 2
    assert ok(put(api, "logging", {"level": "debug"}))["version"] == 2
    assert ok(api.get("/config/history"))["total_entries"] == 2


def test_if_match(api: httpx.Client) -> None:
    assert refused(put(api, "logging", {"level": "warn"}, **{"if-match": '"7"'}), 409, "VERSION_CONFLICT")
    assert refused(put(api, "logging", {"level": "warn"}, **{"if-match": "nonsense"}), 409, "VERSION_CONFLICT")
    for tag, number in (('"1"', 2), ("*", 3), ('"1", "3"', 4), ('W/"4"', 5)):
        response = put(api, "logging", {"level": "debug" if number % 2 else "warn"}, **{"if-match": tag})
        assert (ok(response)["version"], response.headers["etag"]) == (number, f'"{number}"')
    for method, path, body in (
        ("POST", "/config/rollback/1", {}),
        ("POST", "/config/import", {"format": "json", "content": "{}"}),
        ("POST", "/config/apply", {}),
        ("POST", "/backends", {"name": "x", "url": "http://127.0.0.1:1"}),
        ("DELETE", "/backends/alpha", None),
        ("PUT", "/backends/alpha/weight", {"weight": 2}),
    ):
        response = api.request(method, path, json=body, headers={"if-match": '"1"'})
        refused(response, 409, "VERSION_CONFLICT")
    assert version(api) == 5


def test_a_masked_section_sent_back_keeps_its_secrets(api: httpx.Client) -> None:
    entries = ok(api.get("/config/backends"))["config"]
    entries[0]["weight"] = 5
    body = ok(put(api, "backends", entries[::-1]))
    assert body["version"] == 2
    exported = ok(api.post("/config/export", json={"format": "json", "include_sensitive": True}))["content"]
    keys = {entry["name"]: entry["api_key"] for entry in json.loads(exported)["backends"]}
    assert keys == {"alpha": "sk-planted-alpha-abcd", "beta": "short"}


def test_an_older_mask_keeps_the_secret_with_a_warning(api: httpx.Client) -> None:
    entries = ok(api.get("/config/backends"))["config"]
    entries[0]["api_key"] = "sk-***wxyz"
    body = ok(put(api, "backends", entries))
    assert (body["version"], [each["field"] for each in body["warnings"]]) == (1, ["0.api_key"])


def test_validate_is_pure(api: httpx.Client) -> None:
    asked = {"section": "server", "config": {"bind_address": "127.0.0.1:1"}, "dry_run": False}
    body = ok(api.post("/config/validate", json=asked))
    assert body == {
        "valid": True,
        "errors": [],
        "warnings": [{"field": "bind_address", "message": "Changing bind_address requires server restart"}],
        "hot_reload_capability": "requires_restart",
    }
    assert version(api) == 1
    assert ok(api.get("/config/server"))["config"]["bind_address"] != "127.0.0.1:1"


READERS: dict[str, Callable[[str], Any]] = {"yaml": yaml.safe_load, "json": json.loads, "toml": tomllib.loads}


@pytest.mark.parametrize("form", READERS)
def test_export_and_import_back(api: httpx.Client, form: str) -> None:
    body = ok(api.post("/config/export", json={"format": form}))
    assert set(body) == {"format", "content", "exported_at", "sections_exported"}
    assert (body["format"], body["sections_exported"]) == (form, list(SECTIONS))
    assert ISO.fullmatch(body["exported_at"])
    data = READERS[form](body["content"])
    assert list(data) == list(SECTIONS)
    assert "sk-planted" not in body["content"]
    back = ok(api.post("/config/import", json={"format": form, "content": body["content"]}))
    assert back == {
        "success": True,
        "message": "Configuration imported and applied",
        "version": 1,
        "validation": {"valid": True, "errors": [], "warnings": back["validation"]["warnings"]},
        "sections_imported": list(SECTIONS),
        "applied": True,
    }
    changed = data | {"logging": {"level": "error"}, "backends": data["backends"][:1]}
    content = json.dumps(changed)
    assert ok(api.post("/config/import", json={"format": "json", "content": content}))["version"] == 2
    told = ok(api.post("/config/export", json={"format": "json", "include_sensitive": True}))["content"]
    assert json.loads(told)["backends"][0]["api_key"] == "sk-planted-alpha-abcd"


def test_export_of_some_and_without_defaults(api: httpx.Client) -> None:
    asked = {"format": "json", "sections": ["routing", "backends"], "include_defaults": False}
    body = ok(api.post("/config/export", json=asked))
    assert body["sections_exported"] == ["backends", "routing"]
    assert json.loads(body["content"]) == {
        "backends": [
            {"name": "alpha", "url": "http://127.0.0.1:9", "api_key": "sk-***abcd", "models": ["m"]},
            {"name": "beta", "type": "openai", "api_key": "***", "weight": 3, "models": ["n"]},
        ],
    }


def imported(api: httpx.Client, content: str, **more: Any) -> httpx.Response:
    return api.post("/config/import", json={"format": "yaml", "content": content, **more})


def test_import_replaces_or_merges_what_it_names(api: httpx.Client) -> None:
    ok(put(api, "retry", {"max_attempts": 7, "jitter": False}))
    body = ok(imported(api, "retry: {max_attempts: 8}", merge=True))
    assert (body["version"], body["sections_imported"]) == (3, ["retry"])
    assert ok(api.get("/config/retry"))["config"]["jitter"] is False
    ok(imported(api, "retry: {max_attempts: 8}"))
    assert ok(api.get("/config/retry"))["config"]["jitter"] is True
    assert len(ok(api.get("/config/backends"))["config"]) == 2, "sections not named stay"


def test_import_skips_what_is_no_section_of_the_api(api: httpx.Client) -> None:
    body = ok(imported(api, "acp: {}\nstorage: {dir: /x}\nselection_strategy: Random\nlogging:\n"))
    assert body["sections_imported"] == ["routing"]
    assert {each["field"] for each in body["validation"]["warnings"]} == {"acp", "storage"}
    assert ok(api.get("/config/routing"))["config"]["selection_strategy"] == "Random"


def test_import_dry_run_beats_apply(api: httpx.Client) -> None:
    body = ok(imported(api, "logging: {level: debug}", dry_run=True, apply=True))
    assert (body["message"], body["applied"]) == ("Configuration validated, not applied", False)
    assert (body["success"], body["validation"]["valid"], body["version"]) == (True, True, 1)
    for content, code in (
        ("retry: {max_attempts: 0}", "VALIDATION_ERROR"),
        ("a: [", "PARSE_ERROR"),
        ("nope: 1", "INVALID_SECTION"),
    ):
        body = ok(imported(api, content, dry_run=True))
        assert (body["success"], body["validation"]["valid"], body["applied"]) == (False, False, False)
        assert body["validation"]["errors"][0]["code"] == code
    assert version(api) == 1


def test_import_faults_put_the_section_first(api: httpx.Client) -> None:
    details = refused(imported(api, "retry: {max_attempts: 0}\nlogging: {file: x}"), 400, "VALIDATION_ERROR")
    assert [each["field"] for each in details["errors"]] == ["logging.file"]
    assert fault(imported(api, "retry: {max_attempts: 0}"))["field"] == "retry.max_attempts"
    details = refused(imported(api, "logging:\n  level: [secret-text\n"), 400, "PARSE_ERROR")
    assert details == {"line": 3, "column": 1}


def test_import_limits(api: httpx.Client) -> None:
    largest = "#" * (1024 * 1024)
    assert ok(imported(api, largest))["version"] == 1
    refused(imported(api, largest + "#"), 413, "CONTENT_TOO_LARGE")
    refused(imported(api, "é" * (512 * 1024 + 1)), 413, "CONTENT_TOO_LARGE")
    refused(imported(api, "#" * (8 * 1024 * 1024)), 413, "CONTENT_TOO_LARGE")


def test_references_of_imported_text_stay_text(api: httpx.Client) -> None:
    ok(imported(api, "logging: {level: info}\nrouting: {default_model: '${HOME}'}"))
    assert ok(api.get("/config/routing"))["config"]["default_model"] == "${HOME}"


def test_staging(api: httpx.Client) -> None:
    nothing = ok(api.post("/config/apply"))
    assert nothing == {"success": True, "applied_sections": [], "version": 1, "results": {}}
    body = ok(imported(api, "logging: {level: debug}\nretry: {max_attempts: 4}", apply=False))
    assert (body["message"], body["applied"], body["version"]) == ("Configuration imported, not applied", False, 1)
    assert ok(api.get("/config/logging"))["config"]["level"] == "info"
    one = ok(api.post("/config/apply", json={"sections": ["retry", "files"]}))
    assert one["applied_sections"] == ["retry", "files"], "one with nothing staged is applied again"
    assert one["results"] == {
        "retry": {"status": "applied", "hot_reload_type": "immediate"},
        "files": {"status": "applied", "hot_reload_type": "gradual"},
    }
    assert ok(api.post("/config/apply"))["applied_sections"] == ["logging"]
    assert version(api) == 3
    assert ok(api.get("/config/logging"))["config"]["level"] == "debug"


def test_a_staged_import_is_based_on_its_version(api: httpx.Client) -> None:
    ok(imported(api, "logging: {level: debug}", apply=False))
    ok(imported(api, "retry: {max_attempts: 4}", apply=False))
    ok(put(api, "files", {"retention_days": 3}))
    refused(api.post("/config/apply"), 409, "VERSION_CONFLICT")
    ok(imported(api, "retry: {max_attempts: 4}", apply=False))
    assert ok(api.post("/config/apply"))["applied_sections"] == ["retry"], "the last import wins"


def test_warnings_refuse_an_apply_unless_forced(api: httpx.Client) -> None:
    ok(imported(api, "server: {bind_address: '127.0.0.1:1'}", apply=False))
    details = refused(api.post("/config/apply"), 400, "VALIDATION_ERROR")
    warning = {"field": "server.bind_address", "message": "Changing bind_address requires server restart"}
    assert details == {"errors": [], "warnings": [warning]}
    forced = ok(api.post("/config/apply", json={"force": True}))
    assert forced["results"]["server"] == {"status": "pending_restart", "hot_reload_type": "requires_restart"}


def test_history(api: httpx.Client) -> None:
    for level in ("debug", "warn", "error"):
        ok(put(api, "logging", {"level": level}))
    ok(put(api, "retry", {"max_attempts": 4}))
    body = ok(api.get("/config/history"))
    assert set(body) == {"history", "total_entries", "current_version"}
    assert [entry["version"] for entry in body["history"]] == [5, 4, 3, 2, 1]
    assert (body["total_entries"], body["current_version"]) == (5, 5)
    newest, oldest = body["history"][0], body["history"][-1]
    assert (newest["source"], newest["user"], newest["sections_changed"]) == ("api", "admin", ["retry"])
    assert (oldest["source"], oldest["user"]) == ("initial", "system")
    assert all(entry["rollback_available"] and ISO.fullmatch(entry["timestamp"]) for entry in body["history"])
    page = ok(api.get("/config/history?limit=2&offset=1"))
    assert [entry["version"] for entry in page["history"]] == [4, 3]
    some = ok(api.get("/config/history?section=retry"))
    assert ([entry["version"] for entry in some["history"]], some["total_entries"]) == ([5], 1)
    assert len(ok(api.get("/config/history?limit=100000"))["history"]) == 5


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=-1", "limit=1.5", "offset=-1", "offset=", "limit=²"])
def test_history_pages_are_whole_numbers(api: httpx.Client, query: str) -> None:
    assert fault(api.get(f"/config/history?{query}"))["field"] == query.partition("=")[0]


def test_one_version(api: httpx.Client) -> None:
    ok(put(api, "logging", {"level": "debug"}))
    body = ok(api.get("/config/history/2"))
    assert body["diff"] == {"logging": {"level": {"from": "info", "to": "debug"}}}
    assert body["config"]["backends"][0]["api_key"] == "sk-***abcd"
    assert ok(api.get("/config/history/1"))["diff"] == {}


@pytest.mark.parametrize("number", ["3", "0", "-1", "x", "99999999999999999999"])
def test_a_version_that_never_was(api: httpx.Client, number: str) -> None:
    refused(api.get(f"/config/history/{number}"), 404, "VERSION_NOT_FOUND")
    refused(api.post(f"/config/rollback/{number}"), 404, "VERSION_NOT_FOUND")


def test_rollback(api: httpx.Client) -> None:
    ok(put(api, "logging", {"level": "debug"}))
    ok(api.put("/backends/alpha/weight", json={"weight": 9}))
    would = ok(api.post("/config/rollback/1", json={"dry_run": True}))
    assert would["message"] == "Would roll back to version 1"
    assert (would["previous_version"], would["new_version"]) == (3, 4)
    assert would["sections_rolled_back"] == ["backends", "logging"]
    assert would["changes"] == {
        "backends": {"alpha.weight": {"from": 9, "to": 1}},
        "logging": {"level": {"from": "debug", "to": "info"}},
    }
    assert version(api) == 3
    some = ok(api.post("/config/rollback/1", json={"sections": ["logging"]}))
    assert some == {
        "success": True,
        "message": "Rolled back to version 1",
        "previous_version": 3,
        "new_version": 4,
        "sections_rolled_back": ["logging"],
        "changes": {"logging": {"level": {"from": "debug", "to": "info"}}},
    }
    entry = ok(api.get("/config/history?limit=1"))["history"][0]
    assert (entry["source"], entry["description"]) == ("rollback", "Rolled back to version 1")
    assert ok(api.post("/config/rollback/1"))["new_version"] == 5
    nothing = ok(api.post("/config/rollback/1"))
    assert (nothing["previous_version"], nothing["new_version"], nothing["changes"]) == (5, 5, {})


FIXED = ["full", "sections", "schema", "validate", "apply", "export", "import", "history", "rollback", "prompts"]


@pytest.mark.parametrize("word", FIXED)
def test_fixed_words_are_no_sections(api: httpx.Client, word: str) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        response = api.request(method, f"/config/{word}", json={"config": {}})
        if word == "rollback":
            refused(response, 404, "NOT_FOUND")
        else:
            refused(response, 405, "METHOD_NOT_ALLOWED")
            assert response.headers["allow"] in {"GET, HEAD", "POST"}
