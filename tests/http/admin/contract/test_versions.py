"""History and rollback, sentence by sentence of the contract."""

import pytest
from admin_contract import SECTIONS, TIME, faults, ok, refused, section, version
from plain_client import PlainClient

ROLLED_BACK = ("success", "message", "previous_version", "new_version", "sections_rolled_back", "changes")

pytestmark = pytest.mark.usefixtures("restored")


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


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=", "limit=%C2%B2", "offset=-1", "offset=x", "offset="],
)
def test_a_limit_or_offset_that_is_none(ask: PlainClient, query: str) -> None:
    assert set(faults(ask("GET", f"/config/history?{query}"))) == {query.partition("=")[0]}


def test_the_first_version_is_1_and_initial(ask: PlainClient) -> None:
    first = ok(ask("GET", "/config/history/1"))
    assert (first["version"], first["source"], first["user"], first["diff"]) == (1, "initial", "system", {})
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
    assert newest["description"] == f"Rolled back to version {old}"
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
