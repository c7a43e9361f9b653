"""Statistics, explanations, events, client keys and the OpenAPI document, sentence by sentence of the contract."""

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from admin_contract import SECTIONS, Site, events, faults, ok, refused, version
from patience import PATIENCE_S
from plain_client import PlainClient

INFO = {"config": {"level": "info"}}
CANDIDATE = {
    *("backend", "upstream_model", "weight", "health_status", "circuit_state", "in_flight", "usable", "reason"),
}


def test_stats(ask: PlainClient) -> None:
    body = ok(ask("GET", "/stats"))
    usage = {"requests", "errors", "input_tokens", "output_tokens", "cost", "latency_ms", "ttft_ms"}
    assert usage <= set(body["totals"])
    assert {"backends", "models", "keys"} <= set(body)
    assert {"p50", "p95", "p99"} <= set(body["totals"]["latency_ms"])


def test_explaining_a_route(ask: PlainClient) -> None:
    before = {each["name"]: each["stats"] for each in ok(ask("GET", "/backends"))["backends"]}
    body = ok(ask("POST", "/route/explain", {"model": "test-model", "headers": {"x-session-id": "s"}}))
    assert (body["resolved_model"], body["strategy"], body["error"]) == ("test-model", "RoundRobin", None)
    (candidate,) = body["candidates"]
    assert candidate.keys() == CANDIDATE
    assert candidate["backend"] == body["chosen"] == "alpha"
    assert candidate["weight"] == 1
    assert candidate["in_flight"] == 0
    assert candidate["reason"]
    nothing = ok(ask("POST", "/route/explain", {"model": "no-such-model"}))
    assert (nothing["candidates"], nothing["chosen"]) == ([], None)
    assert "no-such-model" in nothing["error"]
    for asked in ({}, {"model": ""}):
        assert set(faults(ask("POST", "/route/explain", asked))) == {"model"}
    assert {each["name"]: each["stats"] for each in ok(ask("GET", "/backends"))["backends"]} == before


def test_events_tell_versions_and_health_as_they_come(site: Site, gamma: dict[str, Any]) -> None:
    del gamma
    place, before = urlsplit(site.ask.url), version(site.ask)
    connection = http.client.HTTPConnection(place.netloc, timeout=PATIENCE_S)

    def next_event() -> tuple[str, Any]:
        block = b""
        while not (found := events(block) if block.endswith((b"\n\n", b"\r\n\r\n")) else []):
            line = response.readline()
            assert line, "the stream ended"
            block += line
        return found[0]

    try:
        connection.request("GET", f"{place.path}/events", headers=dict(site.ask.headers))
        response = connection.getresponse()
        assert response.status == 200
        assert response.getheader("content-type", "").startswith("text/event-stream")
        assert response.getheader("x-request-id")
        assert next_event() == ("hello", {"version": before})
        number = ok(site.ask("PATCH", "/config/logging", {"config": {"level": "warn"}}))["version"]
        told = {"version": number, "source": "api", "user": "admin", "sections_changed": ["logging"]}
        assert next_event() == ("version", told)
        ok(site.ask("POST", "/backends/gamma/probe"))
        assert next_event() == ("health", {"backend": "gamma", "from": "unknown", "to": "unhealthy"})
    finally:
        connection.close()
        ok(site.ask("PATCH", "/config/logging", INFO))


def test_the_openapi_document_covers_every_route(site: Site, checkout: Path) -> None:
    document = site.root("GET", "/openapi.json").json
    prefix = urlsplit(site.root.url).path
    committed = json.loads((checkout / "schemas/openapi.json").read_text(encoding="utf-8"))
    assert document == (committed | {"servers": [{"url": prefix}]} if prefix else committed)
    assert document["openapi"] == "3.1.0"
    routes: dict[str, set[str]] = {
        "/admin/config/full": {"get"},
        "/admin/config/sections": {"get"},
        "/admin/config/schema": {"get"},
        "/admin/config/{section}": {"get", "put", "patch"},
        "/admin/config/validate": {"post"},
        "/admin/config/apply": {"post"},
        "/admin/config/export": {"post"},
        "/admin/config/import": {"post"},
        "/admin/config/history": {"get"},
        "/admin/config/history/{version}": {"get"},
        "/admin/config/rollback/{version}": {"post"},
        "/admin/backends": {"get", "post"},
        "/admin/backends/{name}": {"get", "put", "delete"},
        "/admin/backends/{name}/weight": {"put"},
        "/admin/backends/{name}/models": {"put"},
        "/admin/backends/{name}/probe": {"post"},
        "/admin/config/prompts": {"get"},
        "/admin/config/prompts/{path}": {"get", "put"},
        "/admin/config/prompts/reload": {"post"},
        "/admin/keys": {"get", "post"},
        "/admin/keys/{id}": {"patch", "delete"},
        "/admin/keys/{id}/rotate": {"post"},
        "/admin/stats": {"get"},
        "/admin/route/explain": {"post"},
        "/admin/events": {"get"},
        "/v1/chat/completions": {"post"},
    }
    for path, verbs in routes.items():
        assert verbs <= set(document["paths"][path]), path
    put: Any = document["paths"]["/admin/config/{section}"]["put"]
    assert "application/json" in put["requestBody"]["content"]
    assert "200" in put["responses"]


def test_sections_are_the_same_words_everywhere(ask: PlainClient) -> None:
    exported = ok(ask("POST", "/config/export", {"format": "json"}))
    assert exported["sections_exported"] == list(SECTIONS) == list(json.loads(exported["content"]))


def test_client_keys_are_made_changed_rotated_and_removed(site: Site) -> None:
    ask, chat = site.ask, {"model": "test-model", "messages": [{"role": "user", "content": "hello"}]}
    made = ok(ask("POST", "/keys", {"id": "ann", "name": "Ann", "rate_limit": 60}))
    secret = made["secret"]
    listed = ask("GET", "/keys")
    assert {"client-one", "ann"} <= {each["id"] for each in ok(listed)["keys"]}
    assert secret.encode() not in listed.body
    assert site.root("POST", "/v1/chat/completions", chat, headers={"Authorization": f"Bearer {secret}"}).status == 200
    changed = ok(ask("PATCH", "/keys/ann", {"enabled": False, "rate_limit": None}))
    assert (changed["key"]["enabled"], "rate_limit" in changed["key"]) == (False, False)
    assert site.root("POST", "/v1/chat/completions", chat, headers={"Authorization": f"Bearer {secret}"}).status == 401
    rotated = ok(ask("POST", "/keys/ann/rotate"))
    assert rotated["secret"] not in {secret, ""}
    ok(ask("DELETE", "/keys/ann"))
    refused(ask("DELETE", "/keys/ann"), 404, "KEY_NOT_FOUND")
    refused(ask("PATCH", "/keys/nobody", {"enabled": True}), 404, "KEY_NOT_FOUND")
