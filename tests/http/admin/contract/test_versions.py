"""Import, export, apply, history and rollback, sentence by sentence of the contract."""

import json
import tomllib
from collections.abc import Generator
from typing import Any

import pytest
import yaml
from admin_contract import (
    ALPHA_KEY,
    CLIENT,
    SECTIONS,
    TIME,
    every_value,
    faults,
    judged,
    ok,
    refused,
    section,
    unknown_section,
    version,
    warned,
)
from plain_client import PlainClient

IMPORTED = ("success", "message", "version", "validation", "sections_imported", "applied")
EXPORTED = ("format", "content", "exported_at", "sections_exported")
APPLIED = ("success", "applied_sections", "version", "results")
ROLLED_BACK = ("success", "message", "previous_version", "new_version", "sections_rolled_back", "changes")
READERS: dict[str, Any] = {"yaml": yaml.safe_load, "json": json.loads, "toml": tomllib.loads}


@pytest.fixture(autouse=True)
def _leave_it_as_it_was(ask: PlainClient) -> Generator[None]:
    before = version(ask)
    yield
    ok(ask("POST", f"/config/rollback/{before}"))


def yaml_import(content: str, **more: Any) -> dict[str, Any]:
    return {"format": "yaml", "content": content, **more}


@pytest.mark.parametrize("form", READERS)
def test_export_is_the_masked_view_as_text(ask: PlainClient, form: str) -> None:
    body = ok(ask("POST", "/config/export", {"format": form}), *EXPORTED)
    assert body["format"] == form
    assert isinstance(body["content"], str)
    assert TIME.match(body["exported_at"])
    assert body["sections_exported"] == list(SECTIONS)
    read = READERS[form](body["content"])
    assert read == ok(ask("GET", "/config/full"))["config"]
    assert not [path for path, value in every_value(read) if value is None]
    assert ALPHA_KEY not in body["content"]
    assert CLIENT not in body["content"]


@pytest.mark.parametrize("form", READERS)
def test_a_masked_export_comes_back_without_losing_a_key(ask: PlainClient, form: str) -> None:
    secrets = {"format": "json", "include_sensitive": True}
    before = ok(ask("POST", "/config/export", secrets))["content"]
    assert ALPHA_KEY in before
    assert CLIENT in before
    number = version(ask)
    content = ok(ask("POST", "/config/export", {"format": form}))["content"]
    answer = ok(ask("POST", "/config/import", {"format": form, "content": content}), *IMPORTED)
    assert (answer["success"], answer["version"]) == (True, number)
    assert answer["sections_imported"] == list(SECTIONS)
    changed = ok(ask("POST", "/config/import", {"format": form, "content": content.replace("beta-model", "b-model")}))
    assert changed["version"] == number + 1
    after = ok(ask("POST", "/config/export", secrets))["content"]
    assert after == before.replace("beta-model", "b-model")


def test_export_of_some_sections_with_less_or_more(ask: PlainClient) -> None:
    body = ok(ask("POST", "/config/export", {"format": "yaml", "sections": ["logging", "server"]}))
    assert body["sections_exported"] == ["server", "logging"]
    assert list(yaml.safe_load(body["content"])) == ["server", "logging"]
    less = {"format": "json", "sections": ["backends", "retry"], "include_defaults": False}
    short = json.loads(ok(ask("POST", "/config/export", less))["content"])
    assert "max_attempts" not in short.get("retry", {})
    assert {"name", "url", "models"} <= set(short["backends"][0])
    assert "weight" not in short["backends"][0]
    assert set(faults(ask("POST", "/config/export", {"format": "xml"}))) == {"format"}
    assert set(faults(ask("POST", "/config/export", {}))) == {"format"}


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("yaml", "logging:\n  level: debug\n"),
        ("json", '{"logging": {"level": "debug"}}'),
        ("toml", '[logging]\nlevel = "debug"\n'),
    ],
)
def test_import_replaces_what_it_names(ask: PlainClient, form: str, content: str) -> None:
    ok(ask("PATCH", "/config/logging", {"config": {"access": False}}))
    before = version(ask)
    answer = ok(ask("POST", "/config/import", {"format": form, "content": content}), *IMPORTED)
    assert answer == {
        "success": True,
        "message": "Configuration imported and applied",
        "version": before + 1,
        "validation": {"valid": True, "errors": [], "warnings": []},
        "sections_imported": ["logging"],
        "applied": True,
    }
    assert (section(ask, "logging")["level"], section(ask, "logging")["access"]) == ("debug", True)


def test_import_may_merge(ask: PlainClient) -> None:
    ok(ask("PATCH", "/config/logging", {"config": {"access": False}}))
    ok(ask("POST", "/config/import", yaml_import("logging: {level: debug}", merge=True)))
    assert (section(ask, "logging")["level"], section(ask, "logging")["access"]) == ("debug", False)
    ok(ask("POST", "/config/import", yaml_import("logging: {access: null}", merge=True)))
    assert (section(ask, "logging")["level"], section(ask, "logging")["access"]) == ("debug", True)


def test_dry_run_beats_apply_and_writes_nothing(ask: PlainClient) -> None:
    before = version(ask)
    for apply in (True, False):
        body = yaml_import("logging: {level: debug}", dry_run=True, apply=apply)
        assert ok(ask("POST", "/config/import", body), *IMPORTED) == {
            "success": True,
            "message": "Configuration validated, not applied",
            "version": before,
            "validation": {"valid": True, "errors": [], "warnings": []},
            "sections_imported": ["logging"],
            "applied": False,
        }
    bad = ok(ask("POST", "/config/import", yaml_import("server: {workers: 0}", dry_run=True)), *IMPORTED)
    assert (bad["success"], bad["applied"], bad["version"]) == (False, False, before)
    assert bad["validation"]["valid"] is False
    assert judged(bad["validation"]["errors"]) == {"server.workers": "workers must be greater than 0"}
    broken = ok(ask("POST", "/config/import", yaml_import("logging: [", dry_run=True)), *IMPORTED)
    assert (broken["success"], broken["validation"]["valid"]) == (False, False)
    (told,) = broken["validation"]["errors"]
    assert (told["field"], told["code"]) == ("content", "PARSE_ERROR")
    assert "(line 2, column 1)" in told["message"]
    strange = ok(ask("POST", "/config/import", yaml_import("nonsense: {}", dry_run=True)), *IMPORTED)
    assert (strange["success"], strange["validation"]["valid"]) == (False, False)
    assert len(strange["validation"]["errors"]) == 1
    assert version(ask) == before
    assert section(ask, "logging")["level"] == "info"
    assert ok(ask("POST", "/config/apply"))["applied_sections"] == []


def test_a_fault_anywhere_refuses_the_whole_import(ask: PlainClient) -> None:
    before = version(ask)
    body = yaml_import("logging: {level: debug}\nserver: {workers: 0}")
    assert faults(ask("POST", "/config/import", body)) == {"server.workers": "workers must be greater than 0"}
    assert section(ask, "logging")["level"] == "info"
    assert version(ask) == before


def test_roots_that_are_no_sections(ask: PlainClient) -> None:
    text = "acp: {}\nhot_reload: {enabled: true}\nselection_strategy: Random\nlogging: {level: debug}\n"
    answer = ok(ask("POST", "/config/import", yaml_import(text)))
    assert set(warned(answer["validation"]["warnings"])) == {"acp", "hot_reload"}
    assert set(answer["sections_imported"]) == {"logging", "routing"}
    assert section(ask, "routing")["selection_strategy"] == "Random"
    unknown_section(ask("POST", "/config/import", yaml_import("lgging: {}")), 400, "lgging")


@pytest.mark.parametrize(
    ("form", "content", "line"),
    [
        ("yaml", "logging:\n  level: [planted-content\n", 3),
        ("json", '{\n"logging": planted-content}', 2),
        ("toml", "[logging]\nlevel = planted-content\n", 2),
        ("yaml", "logging: {}\nlogging: {planted-content: 1}\n", 2),
        ("yaml", "a: &x planted-content\nb: *x\n", 1),
    ],
)
def test_text_that_does_not_parse_is_told_by_line_and_column_alone(
    ask: PlainClient, form: str, content: str, line: int
) -> None:
    answer = ask("POST", "/config/import", {"format": form, "content": content})
    details = refused(answer, 400, "PARSE_ERROR")
    assert abs(details["line"] - line) <= 1
    assert isinstance(details["column"], int)
    assert b"planted-content" not in answer.body


def test_staging_and_applying(ask: PlainClient) -> None:
    before = version(ask)
    text = "logging: {level: debug}\nretry: {max_attempts: 7}\n"
    staged = ok(ask("POST", "/config/import", yaml_import(text, apply=False)), *IMPORTED)
    assert staged == {
        "success": True,
        "message": "Configuration imported, not applied",
        "version": before,
        "validation": {"valid": True, "errors": [], "warnings": []},
        "sections_imported": ["logging", "retry"],
        "applied": False,
    }
    assert section(ask, "logging")["level"] == "info"
    one = ok(ask("POST", "/config/apply", {"sections": ["logging"]}), *APPLIED)
    assert one == {
        "success": True,
        "applied_sections": ["logging"],
        "version": before + 1,
        "results": {"logging": {"status": "applied", "hot_reload_type": "immediate"}},
    }
    assert (section(ask, "logging")["level"], section(ask, "retry")["max_attempts"]) == ("debug", 3)
    rest = ok(ask("POST", "/config/apply"), *APPLIED)
    assert (rest["applied_sections"], rest["version"]) == (["retry"], before + 2)
    assert section(ask, "retry")["max_attempts"] == 7
    nothing = ok(ask("POST", "/config/apply", {}), *APPLIED)
    assert nothing == {"success": True, "applied_sections": [], "version": before + 2, "results": {}}
    again = ok(ask("POST", "/config/apply", {"sections": ["fallback"]}), *APPLIED)
    assert again["results"] == {"fallback": {"status": "applied", "hot_reload_type": "gradual"}}
    assert (again["applied_sections"], again["version"]) == (["fallback"], before + 2)


def test_warnings_of_what_is_staged_refuse_unless_forced(ask: PlainClient) -> None:
    before = version(ask)
    server = {**section(ask, "server"), "bind_address": "127.0.0.1:1"}
    content = json.dumps({"server": server, "logging": {"level": "warn"}})
    ok(ask("POST", "/config/import", {"format": "json", "content": content, "apply": False}))
    answer = ask("POST", "/config/apply")
    details = refused(answer, 400, "VALIDATION_ERROR", "Configuration validation failed")
    words = {"server.bind_address": "Changing bind_address requires server restart"}
    assert warned(details["warnings"]) == words
    assert details["errors"] == []
    assert version(ask) == before
    forced = ok(ask("POST", "/config/apply", {"force": True}), *APPLIED)
    assert forced["results"] == {
        "server": {"status": "pending_restart", "hot_reload_type": "requires_restart"},
        "logging": {"status": "applied", "hot_reload_type": "immediate"},
    }
    assert forced["version"] == before + 1


def test_a_commit_in_between_makes_the_apply_a_conflict_and_the_last_import_wins(ask: PlainClient) -> None:
    ok(ask("POST", "/config/import", yaml_import("retry: {max_attempts: 9}", apply=False)))
    ok(ask("POST", "/config/import", yaml_import("logging: {level: debug}", apply=False)))
    ok(ask("PATCH", "/config/fallback", {"config": {"enabled": True}}))
    refused(ask("POST", "/config/apply"), 409, "VERSION_CONFLICT")
    ok(ask("POST", "/config/import", yaml_import("retry: {max_attempts: 8}", apply=False)))
    ok(ask("POST", "/config/import", yaml_import("logging: {level: debug}", apply=False)))
    assert ok(ask("POST", "/config/apply"))["applied_sections"] == ["logging"]
    assert section(ask, "retry")["max_attempts"] == 3


def test_history_newest_first_with_limit_offset_and_section(ask: PlainClient) -> None:
    patches = [{"config": {"level": level}} for level in ("warn", "error")]
    numbers = [ok(ask("PATCH", "/config/logging", patch))["version"] for patch in patches]
    body = ok(ask("GET", "/config/history"), "history", "total_entries", "current_version")
    assert body["current_version"] == numbers[-1]
    assert body["total_entries"] <= 100
    assert len(body["history"]) == min(20, body["total_entries"])
    shown = [each["version"] for each in body["history"]]
    assert shown[:2] == numbers[::-1]
    assert shown == sorted(shown, reverse=True)
    for each in body["history"]:
        keys = {"version", "timestamp", "sections_changed", "source", "user", "rollback_available"}
        assert set(each) - {"description"} == keys
        assert TIME.match(each["timestamp"])
        assert each["rollback_available"] is True
        assert set(each["sections_changed"]) <= set(SECTIONS)
    newest = body["history"][0]
    assert (newest["source"], newest["user"], newest["sections_changed"]) == ("api", "admin", ["logging"])
    page = ok(ask("GET", "/config/history?limit=1&offset=1"))
    assert [each["version"] for each in page["history"]] == [numbers[0]]
    assert page["total_entries"] == body["total_entries"]
    of_one = ok(ask("GET", "/config/history?section=logging&limit=500"))
    assert of_one["total_entries"] == len(of_one["history"]) <= 100
    assert all("logging" in each["sections_changed"] for each in of_one["history"])
    assert ok(ask("GET", "/config/history?offset=100000"))["history"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=", "offset=-1", "offset=x"])
def test_a_limit_or_offset_that_is_none(ask: PlainClient, query: str) -> None:
    assert set(faults(ask("GET", f"/config/history?{query}"))) == {query.partition("=")[0]}


def test_the_first_version_is_1_and_initial(ask: PlainClient) -> None:
    first = ok(ask("GET", "/config/history/1"))
    assert (first["version"], first["source"], first["user"]) == (1, "initial", "system")
    assert list(first["config"]) == list(SECTIONS)
    assert first["config"]["backends"][0]["api_key"] == "sk-***1234"


def test_one_version_is_its_masked_configuration_and_its_difference(ask: PlainClient) -> None:
    number = ok(ask("PATCH", "/config/logging", {"config": {"level": "error"}}))["version"]
    one = ok(ask("GET", f"/config/history/{number}"))
    assert one["config"]["logging"]["level"] == "error"
    assert one["diff"] == {"logging": {"level": {"from": "info", "to": "error"}}}


@pytest.mark.parametrize("number", ["0", "999999", "99999999999999999999999", "abc", "-1"])
def test_a_version_that_there_is_not(ask: PlainClient, number: str) -> None:
    before = version(ask)
    assert refused(ask("GET", f"/config/history/{number}"), 404, "VERSION_NOT_FOUND") is not None
    assert refused(ask("POST", f"/config/rollback/{number}", {}), 404, "VERSION_NOT_FOUND") is not None
    assert version(ask) == before


def test_rollback_makes_a_new_version(ask: PlainClient) -> None:
    old = version(ask)
    ok(ask("PATCH", "/config/logging", {"config": {"level": "debug"}}))
    now = ok(ask("PATCH", "/config/retry", {"config": {"max_attempts": 9}}))["version"]
    dry = ok(ask("POST", f"/config/rollback/{old}", {"dry_run": True}), *ROLLED_BACK)
    changes = {
        "logging": {"level": {"from": "debug", "to": "info"}},
        "retry": {"max_attempts": {"from": 9, "to": 3}},
    }
    expected = {
        "success": True,
        "message": f"Would roll back to version {old}",
        "previous_version": now,
        "new_version": now + 1,
        "sections_rolled_back": ["logging", "retry"],
        "changes": changes,
    }
    assert dry == expected
    assert version(ask) == now
    part = ok(ask("POST", f"/config/rollback/{old}", {"sections": ["retry"]}), *ROLLED_BACK)
    assert part["sections_rolled_back"] == ["retry"]
    assert part["changes"] == {"retry": changes["retry"]}
    assert (part["message"], part["new_version"]) == (f"Rolled back to version {old}", now + 1)
    rest = ok(ask("POST", f"/config/rollback/{old}"), *ROLLED_BACK)
    assert rest["sections_rolled_back"] == ["logging"]
    assert (section(ask, "logging")["level"], section(ask, "retry")["max_attempts"]) == ("info", 3)
    newest = ok(ask("GET", "/config/history?limit=1"))["history"][0]
    assert (newest["version"], newest["source"], newest["user"]) == (now + 2, "rollback", "admin")
    none = ok(ask("POST", f"/config/rollback/{old}"), *ROLLED_BACK)
    assert none["previous_version"] == none["new_version"] == now + 2
    assert (none["sections_rolled_back"], none["changes"]) == ([], {})


def test_changes_name_list_items_by_name_and_tell_items_whole(ask: PlainClient) -> None:
    old = version(ask)
    ok(ask("PUT", "/backends/beta/weight", {"weight": 8}))
    secret = "sk-gamma-key-of-ours-5678"
    ok(ask("POST", "/backends", {"name": "gamma", "url": "http://127.0.0.1:9", "api_key": secret}))
    answer = ask("POST", f"/config/rollback/{old}")
    changes = ok(answer, *ROLLED_BACK)["changes"]["backends"]
    assert changes["beta.weight"] == {"from": 8, "to": 3}
    assert changes["gamma"]["to"] is None
    assert changes["gamma"]["from"]["name"] == "gamma"
    assert changes["gamma"]["from"]["api_key"] == "sk-***5678"
    assert secret.encode() not in answer.body
