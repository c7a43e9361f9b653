"""Prompt files, backends, statistics, explanations, events and the OpenAPI document over real HTTP."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
from admin_api import Open, fault, ok, refused

from continuum.http.admin.routes import ROUTES

SHORT = {"name", "type", "url", "weight", "models", "enabled", "health_status"}


def test_backends_are_listed_and_read(api: httpx.Client) -> None:
    body = ok(api.get("/backends"))
    assert (set(body), body["total"], len(body["backends"])) == ({"backends", "total"}, 2, 2)
    alpha = ok(api.get("/backends/alpha"))
    assert alpha == body["backends"][0]
    assert set(alpha) >= SHORT | {"api_key", "stats", "circuit_state", "in_flight", "ttft_ms"}
    assert alpha["api_key"] == "sk-***abcd"
    assert alpha["health_status"] == "unknown"
    assert alpha["stats"] == {
        "total_requests": 0,
        "failed_requests": 0,
        "average_latency_ms": 0.0,
        "last_used": None,
    }
    beta = ok(api.get("/backends/beta"))
    assert beta["url"].startswith("https://"), "the provider's own, where none is written"


def test_a_backend_is_added_changed_and_removed(api: httpx.Client) -> None:
    sent = {
        "name": "new",
        "url": "http://127.0.0.1:1/v1",
        "weight": 2,
        "models": ["x"],
        "api_key": "sk-new-secret-wxyz",
    }
    body = ok(api.post("/backends", json=sent))
    assert body == {
        "success": True,
        "message": "Backend 'new' added successfully",
        "backend": {
            "name": "new",
            "type": "generic",
            "url": "http://127.0.0.1:1/v1",
            "weight": 2,
            "models": ["x"],
            "enabled": True,
            "health_status": "unknown",
        },
    }
    details = refused(api.post("/backends", json=sent), 409, "BACKEND_EXISTS")
    assert details == {"existing_backend": "new"}
    changed = ok(api.put("/backends/new", json={"weight": 5, "max_in_flight": 2}))
    assert (changed["message"], set(changed["backend"])) == ("Backend 'new' updated successfully", SHORT)
    shown = ok(api.get("/backends/new"))
    assert (shown["weight"], shown["max_in_flight"], shown["models"]) == (5, 2, ["x"]), "absent ones stay"
    ok(api.put("/backends/new", json={"max_in_flight": None}))
    assert "max_in_flight" not in ok(api.get("/backends/new"))
    assert ok(api.get("/config/history?limit=1"))["history"][0]["sections_changed"] == ["backends"]
    removed = ok(api.delete("/backends/new", params={"force": "true"}))
    assert removed == {
        "success": True,
        "message": "Backend 'new' removed successfully",
        "removed_backend": "new",
    }
    for method, path in (
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("PUT", "/weight"),
        ("PUT", "/models"),
        ("POST", "/probe"),
    ):
        refused(api.request(method, f"/backends/new{path}", json={"weight": 1, "models": []}), 404, "BACKEND_NOT_FOUND")


def test_the_last_backend_may_go(api: httpx.Client) -> None:
    for name in ("alpha", "beta"):
        ok(api.delete(f"/backends/{name}"))
    assert ok(api.get("/backends")) == {"backends": [], "total": 0}


def test_read_edit_write(api: httpx.Client) -> None:
    """What a look adds is ignored when it comes back, and nothing but the edit is written."""
    entry = ok(api.get("/backends/alpha"))
    ok(api.put("/backends/alpha", json=entry))
    assert ok(api.get("/config/history"))["current_version"] == 1
    ok(api.put("/backends/alpha", json={**entry, "weight": 7}))
    told = ok(api.post("/config/export", json={"format": "json", "include_sensitive": True}))["content"]
    assert json.loads(told)["backends"][0]["api_key"] == "sk-planted-alpha-abcd"
    assert fault(api.put("/backends/alpha", json={**entry, "name": "other"}))["field"] == "name"


BAD_BACKENDS: list[tuple[dict[str, Any], str]] = [
    ({"url": "http://127.0.0.1:1"}, "name"),
    ({"name": "n"}, "url"),
    ({"name": "no spaces", "url": "http://127.0.0.1:1"}, "name"),
    ({"name": "n" * 257, "url": "http://127.0.0.1:1"}, "name"),
    ({"name": "", "url": "http://127.0.0.1:1"}, "name"),
    ({"name": "n", "url": "ftp://h"}, "url"),
    ({"name": "n", "url": "http://u:p@h"}, "url"),
    ({"name": "n", "url": "http://h/#x"}, "url"),
    ({"name": "n", "url": "http://h:0"}, "url"),
    ({"name": "n", "url": "http://h:99999"}, "url"),
    ({"name": "n", "url": "http://169.254.169.254"}, "url"),
    ({"name": "n", "url": "http://0xa9fea9fe"}, "url"),
    ({"name": "n", "url": "http://[::ffff:169.254.169.254]"}, "url"),
    ({"name": "n", "url": "http://h", "weight": 0}, "weight"),
    ({"name": "n", "url": "http://h", "weight": 101}, "weight"),
    ({"name": "n", "url": "http://h", "weight": True}, "weight"),
    ({"name": "n", "url": "http://h", "weight": "1"}, "weight"),
    ({"name": "n", "url": "http://h", "wieght": 1}, "wieght"),
    ({"name": "n", "url": "http://h", "api_key": "sk-***abcd"}, "api_key"),
    ({"name": "n", "url": "http://h:{port}", "managed": {"command": ["x", "{port}"]}}, "managed"),
    ({"name": "n", "url": "http://h", "tls": {"ca_file": "/etc/x"}}, "tls.ca_file"),
]


def test_backends_that_are_refused(api: httpx.Client) -> None:
    for sent, field in BAD_BACKENDS:
        assert fault(api.post("/backends", json=sent))["field"] == field, sent
    assert ok(api.get("/config/history"))["current_version"] == 1


def test_weight_and_models(api: httpx.Client) -> None:
    body = ok(api.put("/backends/beta/weight", json={"weight": 5}))
    assert body == {
        "success": True,
        "message": "Backend 'beta' weight updated to 5",
        "previous_weight": 3,
        "new_weight": 5,
    }
    for wrong in (0, 101, True, "5", 1.5, None):
        assert fault(api.put("/backends/beta/weight", json={"weight": wrong}))["field"] == "weight"
    body = ok(api.put("/backends/alpha/models", json={"models": ["b", "m", "c"], "append": True}))
    assert body == {"success": True, "message": "Backend 'alpha' models updated", "models": ["m", "b", "c"]}
    assert ok(api.put("/backends/alpha/models", json={"models": ["z"]}))["models"] == ["z"]
    assert fault(api.put("/backends/alpha/models", json={"models": [1]}))["field"] == "models.0"


def test_a_probe_of_nobody(api: httpx.Client) -> None:
    body = ok(api.post("/backends/alpha/probe"))
    assert set(body) == {"name", "health_status", "latency_ms", "models", "detected_type", "error"}
    assert (body["health_status"], body["models"]) == ("unhealthy", ["m"])
    assert "127.0.0.1" not in body["error"]


def test_statistics_count_calls(open_admin: Open) -> None:
    running, api = open_admin({"backends": [{"name": "a", "url": "http://127.0.0.1:9", "models": ["m"]}]})
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    answer = httpx.post(f"{running.url}/v1/chat/completions", json=body, trust_env=False)
    assert answer.status_code == 502
    totals = ok(api.get("/stats"))["totals"]
    assert (totals["requests"], totals["errors"], totals["cost"]) == (1, 1, None)
    stats = ok(api.get("/backends/a"))["stats"]
    assert stats["total_requests"] == stats["failed_requests"] >= 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stats["last_used"])


def test_explanations(api: httpx.Client) -> None:
    body = ok(api.post("/route/explain", json={"model": "m"}))
    assert (body["resolved_model"], body["strategy"], body["chosen"]) == ("m", "RoundRobin", "alpha")
    (candidate,) = body["candidates"]
    assert set(candidate) == {
        *("backend", "upstream_model", "weight", "health_status", "circuit_state", "in_flight", "usable", "reason"),
    }
    unknown = ok(api.post("/route/explain", json={"model": "nobody-has-it"}))
    assert (unknown["chosen"], unknown["candidates"]) == (None, [])
    assert "nobody-has-it" in unknown["error"]
    assert fault(api.post("/route/explain", json={"model": ""}))["field"] == "model"


def test_events(api: httpx.Client) -> None:
    with api.stream("GET", "/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.iter_lines()
        assert [next(lines), next(lines), next(lines)] == ["event: hello", 'data: {"version": 1}', ""]
        ok(api.put("/config/logging", json={"config": {"level": "debug"}}))
        assert next(lines) == "event: version"
        told = json.loads(next(lines).removeprefix("data: "))
        assert told == {"version": 2, "source": "api", "user": "admin", "sections_changed": ["logging"]}
        next(lines)
        ok(api.post("/backends/alpha/probe"))
        assert next(lines) == "event: health"
        assert json.loads(next(lines).removeprefix("data: ")) == {
            "backend": "alpha",
            "from": "unknown",
            "to": "unhealthy",
        }


def test_the_openapi_document(api: httpx.Client, checkout: Path) -> None:
    served = api.get(str(api.base_url).removesuffix("/admin/") + "/openapi.json").json()
    assert served["openapi"] == "3.1.0"
    assert served == json.loads((checkout / "schemas/openapi.json").read_text())
    for row in ROUTES:
        assert row.method.lower() in served["paths"]["/admin" + row.path.replace(":path}", "}")]
    assert "/v1/chat/completions" in served["paths"]
