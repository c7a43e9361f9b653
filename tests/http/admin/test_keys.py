"""Client keys over real HTTP: every route, field, status and rule, and what each change means for the next request."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import openai
import pytest
import trio
from admin_api import fault, ok, refused
from key_desk import OPEN, SHUT, Desk
from patience import PATIENCE_S

SECRET = re.compile(r"sk-[A-Za-z0-9]{43}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_a_key_is_made_shown_once_and_works(desk: Desk) -> None:
    ends = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds").replace("+00:00", "Z")
    terms = {
        "name": "Ann's laptop",
        "user_id": "ann",
        "organization_id": "lab",
        "scopes": ["read", "write"],
        "models": ["test-*"],
        "rate_limit": 600,
        "tokens_per_minute": 100_000,
        "enabled": True,
        "expires_at": ends,
    }
    response = desk.api.post("/keys", json={"id": "ann", **terms})
    made = ok(response)
    assert (response.headers["cache-control"], response.headers["etag"]) == ("no-store", '"1"')
    assert set(made) == {"success", "message", "key", "secret"}
    secret, record = made["secret"], made["key"]
    assert SECRET.fullmatch(secret)
    assert TIME.fullmatch(record.pop("created_at"))
    shown = f"sk-***{secret[-4:]}"
    assert record == {"id": "ann", "source": "storage", "key": shown, **terms, "last_used": None}
    assert made["message"] == "Key 'ann' created: its secret is shown this once"
    assert desk.ask(secret) == OPEN
    assert desk.ask(secret, "other") == (403, "permission_denied")
    assert desk.ask(secret[:-1]) == desk.ask("sk-" + "x" * 43) == SHUT
    used = ok(desk.api.get("/keys/ann"))["last_used"]
    assert TIME.fullmatch(used)
    counted = ok(desk.api.get("/stats"))["keys"]["ann"]
    assert (counted["requests"], counted["errors"]) == (2, 1)


def test_without_a_body_a_key_has_the_defaults_and_a_made_up_id(desk: Desk) -> None:
    made = [ok(desk.api.post("/keys", content=body)) for body in (b"", b"{}")]
    for each in made:
        key = each["key"]
        assert re.fullmatch(r"key-[0-9a-f]{12}", key["id"])
        assert set(key) == {"id", "source", "key", "scopes", "models", "enabled", "created_at", "last_used"}
        assert (key["scopes"], key["models"], key["enabled"]) == (["read", "write", "files"], [], True)
        assert desk.ask(each["secret"]) == OPEN
    assert made[0]["secret"] != made[1]["secret"]


# what is sent, the field at fault, some of what is told
FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"id": "a/b"}, "id", "letters, digits"),
    ({"id": ""}, "id", "letters, digits"),
    ({"id": ".."}, "id", "letters, digits"),
    ({"id": "x" * 129}, "id", "at most 128"),
    ({"id": 7}, "id", "must be a string"),
    ({"key": "sk-mine"}, "key", "unknown key"),
    ({"name": "a\nb"}, "name", "line breaks"),
    ({"name": " "}, "name", "must not be empty"),
    ({"user_id": 1}, "user_id", "must be a string"),
    ({"organization_id": False}, "organization_id", "must be a string"),
    ({"scopes": ["all"]}, "scopes.0", "must be 'read'"),
    ({"scopes": "read"}, "scopes", "must be a list"),
    ({"models": [1]}, "models.0", "must be a string"),
    ({"models": [""]}, "models.0", "must not be empty"),
    ({"rate_limit": 0}, "rate_limit", "greater than 0"),
    ({"rate_limit": True}, "rate_limit", "whole number"),
    ({"rate_limit": "5"}, "rate_limit", "whole number"),
    ({"tokens_per_minute": 1.5}, "tokens_per_minute", "whole number"),
    ({"enabled": "no"}, "enabled", "true or false"),
    ({"expires_at": "soon"}, "expires_at", "must be a time"),
    ({"expires_at": 5}, "expires_at", "must be a time"),
    ({"rate_limits": 5}, "rate_limits", "did you mean 'rate_limit'?"),
]


def test_what_a_key_cannot_be(desk: Desk) -> None:
    ok(desk.api.post("/keys", json={"id": "there"}))
    for sent, field, told in FAULTS:
        found = fault(desk.api.post("/keys", json=sent))
        assert (found["field"], told in found["message"]) == (field, True), found
        if "id" not in sent and "key" not in sent:
            found = fault(desk.api.patch("/keys/there", json=sent))
            assert (found["field"], told in found["message"]) == (field, True), found
    for body in ([1], "x", 1):
        refused(desk.api.post("/keys", json=body), 400, "VALIDATION_ERROR")
        refused(desk.api.patch("/keys/there", json=body), 400, "VALIDATION_ERROR")
    refused(desk.api.post("/keys", content=b"{"), 400, "PARSE_ERROR")
    for grace in ("soon", -1, "91000h", True):
        assert fault(desk.api.post("/keys/there/rotate", json={"grace": grace}))["field"] == "grace"
    assert fault(desk.api.post("/keys/there/rotate", json={"gracee": 1}))["field"] == "gracee"
    assert ok(desk.api.get("/keys"))["total"] == 3
    assert [line["event"] for line in desk.audit()] == ["key made"]


def test_keys_are_listed_in_pages_those_of_the_configuration_first(desk: Desk) -> None:
    for number in range(3):
        desk.make(id=f"k{number}")
    listed = ok(desk.api.get("/keys"))
    assert (listed["total"], len(listed["keys"])) == (5, 5)
    assert [(key["id"], key["source"]) for key in listed["keys"]] == [
        ("configured", "config"),
        ("filed", "file"),
        ("k0", "storage"),
        ("k1", "storage"),
        ("k2", "storage"),
    ]
    assert listed["keys"][0] == {
        "id": "configured",
        "source": "config",
        "key": "sk-***4711",
        "scopes": ["read", "write", "files"],
        "models": [],
        "rate_limit": 500,
        "enabled": True,
        "last_used": None,
    }
    assert listed["keys"][0] == ok(desk.api.get("/keys/configured"))
    page = ok(desk.api.get("/keys", params={"limit": 2, "offset": 1}))
    assert ([key["id"] for key in page["keys"]], page["total"]) == (["filed", "k0"], 5)
    assert ok(desk.api.get("/keys", params={"offset": 9}))["keys"] == []
    assert ok(desk.api.get("/keys", params={"limit": 10_000}))["total"] == 5
    for wrong in ({"limit": 0}, {"limit": "x"}, {"offset": -1}):
        fault(desk.api.get("/keys", params=wrong))


def test_terms_are_patched_and_hold_from_the_next_request_on(desk: Desk) -> None:
    ident, secret = desk.make(id="one", name="first", models=["test-*"])

    def patch(**terms: Any) -> dict[str, Any]:
        answer = ok(desk.api.patch(f"/keys/{ident}", json=terms))
        assert (answer["success"], answer["message"]) == (True, "Key 'one' updated successfully")
        assert answer["key"] == ok(desk.api.get(f"/keys/{ident}"))
        return dict(answer["key"])

    assert patch(models=["other"])["models"] == ["other"]
    assert (desk.ask(secret), desk.ask(secret, "other")) == ((403, "permission_denied"), OPEN)
    assert "name" not in patch(name=None, models=None), "null returns to the default"
    assert desk.ask(secret) == desk.ask(secret, "other") == OPEN
    patch(enabled=False)
    assert desk.ask(secret) == SHUT
    patch(enabled=None)
    assert desk.ask(secret) == OPEN
    patch(scopes=["read"])
    assert desk.ask(secret) == (403, "permission_denied")
    patch(scopes=["write"], expires_at="2020-01-01")
    assert desk.ask(secret) == SHUT
    assert patch(expires_at="2999-01-01T02:00:00+02:00")["expires_at"] == "2999-01-01T02:00:00+02:00"
    assert desk.ask(secret) == OPEN
    patch(rate_limit=1)
    asked = [desk.ask(secret) for _ in range(3)]
    assert asked[1:] == [(429, "rate_limit_exceeded")] * 2, "the limit holds at once"
    patch(rate_limit=None)
    assert desk.ask(secret) == OPEN


def test_read_edit_write(desk: Desk) -> None:
    """What a look adds is ignored when it comes back, a patch that changes nothing does nothing."""
    ident, secret = desk.make(name="n", rate_limit=60)
    before = desk.api.get(f"/keys/{ident}")
    entry = ok(before)
    for body in (entry, {}, {"rate_limit": 60}, {"user_id": None}):
        answer = desk.api.patch(f"/keys/{ident}", json=body)
        assert (ok(answer)["key"], answer.headers["etag"]) == (entry, before.headers["etag"])
    assert [line["event"] for line in desk.audit()] == ["key made"]
    answer = desk.api.patch(f"/keys/{ident}", json={**entry, "rate_limit": 7})
    assert (ok(answer)["key"], answer.headers["etag"]) == ({**entry, "rate_limit": 7}, '"2"')
    assert fault(desk.api.patch(f"/keys/{ident}", json={"id": "another"}))["field"] == "id"
    assert fault(desk.api.patch(f"/keys/{ident}", json={"key": "sk-mine-0123456789"}))["field"] == "key"
    merge = {"content-type": "application/merge-patch+json"}
    ok(desk.api.patch(f"/keys/{ident}", content=b'{"name": "m"}', headers=merge))
    assert desk.ask(secret) == OPEN


def test_if_match(desk: Desk) -> None:
    ident, _ = desk.make()

    def tagged(tag: str) -> dict[str, str]:
        return {"if-match": tag}

    ok(desk.api.patch(f"/keys/{ident}", json={"name": "b"}, headers=tagged('"1"')))
    for method, path, tag in (("PATCH", "", '"1"'), ("POST", "/rotate", '"1"'), ("DELETE", "", '"1", "3"')):
        answer = desk.api.request(method, f"/keys/{ident}{path}", json={}, headers=tagged(tag))
        assert refused(answer, 409, "VERSION_CONFLICT") == {"current_version": 2}
    assert ok(desk.api.post(f"/keys/{ident}/rotate", headers=tagged('W/"2"')))["success"]
    ok(desk.api.patch(f"/keys/{ident}", json={"name": "d"}, headers=tagged("*")))
    ok(desk.api.delete(f"/keys/{ident}", headers=tagged('"4"')))


def until(holds: Callable[[], bool]) -> None:
    """Asks again and again."""
    ends = datetime.now(UTC) + timedelta(seconds=PATIENCE_S)
    while not holds():
        assert datetime.now(UTC) < ends


def test_rotation(desk: Desk) -> None:
    ident, first = desk.make(id="one", models=["test-*"], rate_limit=600)
    before = ok(desk.api.get("/keys/one"))
    answer = ok(desk.api.post("/keys/one/rotate"))
    second = answer["secret"]
    assert set(answer) == {"success", "message", "key", "secret", "previous_expires_at"}
    assert (answer["message"], answer["previous_expires_at"]) == (
        "Key 'one' rotated: its new secret is shown this once",
        None,
    )
    assert TIME.fullmatch(answer["key"]["rotated_at"])
    assert answer["key"] == {**before, "key": f"sk-***{second[-4:]}", "rotated_at": answer["key"]["rotated_at"]}
    assert (desk.ask(first), desk.ask(second), desk.ask(second, "other")[0]) == (SHUT, OPEN, 403)
    answer = ok(desk.api.post("/keys/one/rotate", json={"grace": "1h"}))
    third = answer["secret"]
    assert answer["key"]["previous_expires_at"] == answer["previous_expires_at"]
    ends = datetime.fromisoformat(answer["previous_expires_at"])
    assert timedelta(minutes=59) < ends - datetime.now(UTC) <= timedelta(hours=1)
    assert (desk.ask(first), desk.ask(second), desk.ask(third)) == (SHUT, OPEN, OPEN)
    ok(desk.api.patch("/keys/one", json={"models": ["other"]}))
    assert desk.ask(second)[0] == desk.ask(third)[0] == 403, "both are one key"
    ok(desk.api.patch("/keys/one", json={"models": [], "enabled": False}))
    assert desk.ask(second) == desk.ask(third) == SHUT
    ok(desk.api.patch("/keys/one", json={"enabled": True}))
    fourth = ok(desk.api.post("/keys/one/rotate", json={"grace": "300ms"}))["secret"]
    assert desk.ask(second) == SHUT, "one key before is kept, no more"
    until(lambda: desk.ask(third) == SHUT)
    assert desk.ask(fourth) == OPEN
    assert "previous_expires_at" not in ok(desk.api.get("/keys/one"))
    assert len({first, second, third, fourth}) == 4
    assert ident == "one"


def test_a_removed_key_is_refused_from_the_next_request_on(desk: Desk) -> None:
    ident, secret = desk.make()
    late = ok(desk.api.post(f"/keys/{ident}/rotate", json={"grace": 3600}))["secret"]
    assert desk.ask(secret) == desk.ask(late) == OPEN
    assert ok(desk.api.delete(f"/keys/{ident}")) == {
        "success": True,
        "message": f"Key '{ident}' removed successfully",
        "removed_key": ident,
    }
    assert desk.ask(secret) == desk.ask(late) == SHUT
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
        refused(desk.api.request(method, f"/keys/{ident}{path}", json={}), 404, "KEY_NOT_FOUND")
    again, other = desk.make(id=ident)
    assert (again, desk.ask(other), desk.ask(secret)) == (ident, OPEN, SHUT)
    assert ok(desk.api.get("/keys"))["total"] == 3


def test_keys_of_the_configuration_are_changed_there(desk: Desk) -> None:
    for ident, source, place in (("configured", "config", "section api_keys"), ("filed", "file", "api_keys_file")):
        for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
            answer = desk.api.request(method, f"/keys/{ident}{path}", json={})
            assert refused(answer, 409, "KEY_CONFIGURED") == {"source": source}
            assert place in answer.json()["message"]
        assert refused(desk.api.post("/keys", json={"id": ident}), 409, "KEY_EXISTS") == {"existing_key": ident}
    desk.make(id="made")
    refused(desk.api.post("/keys", json={"id": "made"}), 409, "KEY_EXISTS")
    section = ok(desk.api.get("/config/api_keys"))["config"]
    section["api_keys"].append({"key": "sk-another-0123456789", "id": "made"})
    found = fault(desk.api.put("/config/api_keys", json={"config": section}))
    assert found["field"] == "api_keys.1.id"
    assert "a key made over the admin API has this id" in found["message"]
    judged = ok(desk.api.post("/config/validate", json={"section": "api_keys", "config": section}))
    assert (judged["valid"], judged["errors"]) == (False, [found])
    content = json.dumps({"api_keys": section})
    dry = ok(desk.api.post("/config/import", json={"format": "json", "content": content, "dry_run": True}))
    assert (dry["success"], dry["validation"]["errors"][0]["message"]) == (False, found["message"])
    assert ok(desk.api.get("/config/history"))["current_version"] == 1
    section["api_keys"][1]["id"] = "another"
    ok(desk.api.put("/config/api_keys", json={"config": section}))
    assert desk.ask("sk-another-0123456789") == OPEN
    refused(desk.api.post("/keys", json={"id": "another"}), 409, "KEY_EXISTS")
    ok(desk.api.post("/config/rollback/1"))
    assert desk.ask("sk-another-0123456789") == SHUT
    assert desk.make(id="another")[0] == "another"


def test_methods_that_are_not_there(desk: Desk) -> None:
    for method, path, allowed in (
        ("PUT", "/keys", "GET, HEAD, POST"),
        ("PUT", "/keys/configured", "DELETE, GET, HEAD, PATCH"),
        ("GET", "/keys/configured/rotate", "POST"),
    ):
        answer = desk.api.request(method, path, json={})
        refused(answer, 405, "METHOD_NOT_ALLOWED")
        assert answer.headers["allow"] == allowed
    refused(desk.api.get("/keys/a/b/c"), 404, "NOT_FOUND")
    bare = httpx.post(f"{desk.router.url}/admin/keys", json={}, trust_env=False)
    refused(bare, 401, "UNAUTHORIZED")


async def test_openai_python(desk: Desk) -> None:
    ident, secret = await trio.to_thread.run_sync(lambda: desk.make(models=["test-model"]))
    async with openai.DefaultAsyncHttpxClient(trust_env=False) as http:
        client = openai.AsyncOpenAI(base_url=f"{desk.router.url}/v1", api_key=secret, max_retries=0, http_client=http)
        assert [model.id async for model in client.models.list()] == ["test-model"]

        async def say(model: str = "test-model") -> str | None:
            answer = await client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hello"}])
            return answer.choices[0].message.content

        assert await say()
        with pytest.raises(openai.PermissionDeniedError):
            await say("other")
        await trio.to_thread.run_sync(lambda: ok(desk.api.patch(f"/keys/{ident}", json={"rate_limit": 1})))
        await say()
        with pytest.raises(openai.RateLimitError):
            await say()
        await trio.to_thread.run_sync(lambda: ok(desk.api.delete(f"/keys/{ident}")))
        with pytest.raises(openai.AuthenticationError):
            await say()
