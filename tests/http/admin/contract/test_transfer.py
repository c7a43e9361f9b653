"""Export, import and apply, sentence by sentence of the contract."""

import json
import tomllib
from typing import Any

import pytest
import yaml
from admin_contract import (
    ALPHA_KEY,
    CLIENT,
    NOWHERE,
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
READERS: dict[str, Any] = {"yaml": yaml.safe_load, "json": json.loads, "toml": tomllib.loads}

pytestmark = pytest.mark.usefixtures("restored")


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
    assert list(read) == list(SECTIONS)
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
    assert list(short) == ["backends"], "a section with nothing but defaults is left out"
    alpha, beta = short["backends"]
    assert set(alpha) == {"name", "type", "url", "models", "api_key"}
    assert beta == {"name": "beta", "url": NOWHERE, "api_key": "***", "weight": 3, "models": ["beta-model"]}
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
    before, others = version(ask), section(ask, "backends")
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
    assert section(ask, "backends") == others


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
    assert [each["code"] for each in strange["validation"]["errors"]] == ["INVALID_SECTION"]
    assert version(ask) == before
    assert section(ask, "logging")["level"] == "info"
    assert ok(ask("POST", "/config/apply"))["applied_sections"] == []


def test_a_fault_anywhere_refuses_the_whole_import(ask: PlainClient) -> None:
    before = version(ask)
    body = yaml_import("logging: {level: debug}\nserver: {workers: 0}")
    assert faults(ask("POST", "/config/import", body)) == {"server.workers": "workers must be greater than 0"}
    file_only = yaml_import("retry: {max_attempts: 0}\nlogging: {file: x}")
    assert set(faults(ask("POST", "/config/import", file_only))) == {"logging.file"}
    assert section(ask, "logging")["level"] == "info"
    assert version(ask) == before


def test_roots_that_are_no_sections(ask: PlainClient) -> None:
    text = "acp: {}\nhot_reload: {enabled: true}\nstorage: {dir: /x}\nselection_strategy: Random\nretry:\n"
    answer = ok(ask("POST", "/config/import", yaml_import(f"{text}logging: {{level: debug}}\n")))
    assert set(warned(answer["validation"]["warnings"])) == {"acp", "hot_reload", "storage"}
    assert set(answer["sections_imported"]) == {"logging", "routing"}, "retry has nothing in it"
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
    assert set(details) == {"line", "column"}
    assert abs(details["line"] - line) <= 1
    assert isinstance(details["column"], int)
    assert b"planted-content" not in answer.body


@pytest.mark.parametrize("routing", ["[1]", "x", "7"])
def test_the_strategy_at_the_root_beside_a_routing_that_is_no_section(ask: PlainClient, routing: str) -> None:
    for text in ("selection_strategy: Random\nrouting: {}\n", "routing: {}\nselection_strategy: Random\n"):
        answer = ask("POST", "/config/import", yaml_import(text.format(routing)))
        assert faults(answer) == {"routing": "routing must be a mapping"}


def test_references_in_text_that_is_sent_stay_text(ask: PlainClient) -> None:
    ok(ask("POST", "/config/import", yaml_import("routing: {default_model: '${HOME}'}")))
    assert section(ask, "routing")["default_model"] == "${HOME}"


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
    one = ok(ask("POST", "/config/apply", {"sections": ["logging", "files"]}), *APPLIED)
    assert one == {
        "success": True,
        "applied_sections": ["logging", "files"],
        "version": before + 1,
        "results": {
            "logging": {"status": "applied", "hot_reload_type": "immediate"},
            "files": {"status": "applied", "hot_reload_type": "gradual"},  # nothing was staged of it
        },
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
