"""Backends one by one, sentence by sentence of the contract."""

from typing import Any

from admin_contract import (
    ALPHA_KEY,
    CLIENT,
    HEALTH,
    NOWHERE,
    TIME,
    Site,
    every_value,
    faults,
    ok,
    refused,
    section,
    version,
)
from plain_client import PlainClient

SHORT = {"name", "type", "url", "weight", "models", "enabled", "health_status"}
STATS = {"total_requests", "failed_requests", "average_latency_ms", "last_used"}


def test_the_list_and_each_of_it(ask: PlainClient) -> None:
    body = ok(ask("GET", "/backends"), "backends", "total")
    assert body["total"] == len(body["backends"]) == len(section(ask, "backends"))
    for each in body["backends"]:
        one = ok(ask("GET", f"/backends/{each['name']}"))
        assert SHORT | {"stats", "in_flight", "ttft_ms", "circuit_state"} <= set(one)
        assert set(each) == set(one)
        assert {key: each[key] for key in SHORT} == {key: one[key] for key in SHORT}
        assert set(one["stats"]) == STATS
        assert one["health_status"] in HEALTH
        nulls = [path for path, value in every_value(one) if value is None]
        assert set(nulls) <= {"/stats/last_used", "/ttft_ms", "/ejected"}
    alpha = next(each for each in body["backends"] if each["name"] == "alpha")
    assert alpha["api_key"] == "sk-***1234"
    assert alpha["weight"] == 1
    assert alpha["models"] == ["test-model", "other-model"]
    assert alpha["enabled"] is True
    beta = next(each for each in body["backends"] if each["name"] == "beta")
    assert (beta["type"], beta["api_key"], beta["weight"]) == ("generic", "***", 3)
    assert beta["stats"] == {"total_requests": 0, "failed_requests": 0, "average_latency_ms": 0.0, "last_used": None}


def test_stats_of_a_backend_that_was_asked(site: Site) -> None:
    before = ok(site.ask("GET", "/backends/alpha"))["stats"]
    body = {"model": "test-model", "messages": [{"role": "user", "content": "hello"}]}
    path = "/v1/chat/completions"
    assert site.root("POST", path, body, headers={"Authorization": f"Bearer {CLIENT}"}).status == 200
    after = ok(site.ask("GET", "/backends/alpha"))
    assert after["stats"]["total_requests"] == before["total_requests"] + 1
    assert after["stats"]["failed_requests"] == before["failed_requests"]
    assert after["stats"]["average_latency_ms"] > 0
    assert TIME.match(after["stats"]["last_used"])
    assert after["in_flight"] == 0
    assert after["circuit_state"] == "closed"
    shown = ok(site.ask("GET", "/stats"))
    assert shown["backends"]["alpha"]["requests"] >= 1
    assert shown["models"]["test-model"]["requests"] >= 1
    assert shown["keys"]["client-one"]["requests"] >= 1
    assert shown["totals"]["requests"] >= 1


def test_stats_of_a_backend_that_fails(site: Site, gamma: dict[str, Any]) -> None:
    del gamma
    before = ok(site.ask("GET", "/stats"))["totals"]
    call = {"model": "g", "messages": [{"role": "user", "content": "hello"}]}
    assert site.root("POST", "/v1/chat/completions", call).status == 502
    after = ok(site.ask("GET", "/stats"))["totals"]
    counts = after["requests"] - before["requests"], after["errors"] - before["errors"], after["cost"]
    assert counts == (1, 1, None)
    stats = ok(site.ask("GET", "/backends/gamma"))["stats"]
    assert stats["total_requests"] == stats["failed_requests"] >= 1
    assert TIME.match(stats["last_used"])


def test_adding_one(ask: PlainClient, gamma: dict[str, Any]) -> None:
    assert gamma == {
        "success": True,
        "message": "Backend 'gamma' added successfully",
        "backend": {
            "name": "gamma",
            "type": "openai",
            "url": NOWHERE,
            "weight": 1,
            "models": ["g"],
            "enabled": True,
            "health_status": "unknown",
        },
    }
    again = ask("POST", "/backends", {"name": "gamma", "url": NOWHERE})
    details = refused(again, 409, "BACKEND_EXISTS", "Backend 'gamma' already exists")
    assert details == {"existing_backend": "gamma"}
    entry = section(ask, "backends")[-1]
    assert (entry["name"], entry["api_key"]) == ("gamma", "sk-***5678")
    newest = ok(ask("GET", "/config/history?section=backends&limit=1"))["history"][0]
    assert newest["sections_changed"] == ["backends"]
    assert newest["source"] == "api"


def test_what_is_required_of_a_new_one(ask: PlainClient) -> None:
    before = version(ask)
    assert set(faults(ask("POST", "/backends", {}))) >= {"name"}
    assert set(faults(ask("POST", "/backends", {"url": NOWHERE}))) == {"name"}
    assert set(faults(ask("POST", "/backends", {"name": "delta"}))) == {"url"}
    assert set(faults(ask("POST", "/backends", {"name": "delta", "url": NOWHERE, "wieght": 2}))) == {"wieght"}
    for name in ("", "a b", "a/b", "ä", "x" * 257, "a.b", 7, None, ["a"], {"a": 1}):
        assert set(faults(ask("POST", "/backends", {"name": name, "url": NOWHERE}))) == {"name"}, name
    for weight in (0, 101, -1, 1.5, True, "3", None, [3]):
        assert set(faults(ask("POST", "/backends", {"name": "d", "url": NOWHERE, "weight": weight}))) == {"weight"}
    assert version(ask) == before


def test_a_url_may_be_left_out_where_it_has_a_default_and_every_key_may_be_given(ask: PlainClient) -> None:
    body = {
        "name": "delta",
        "type": "openai",
        "weight": 7,
        "models": ["d1", {"id": "d2", "upstream": "real-d2"}],
        "api_key": "sk-delta-key-of-ours-9999",
        "enabled": False,
        "health_check": {"enabled": False, "path": "/up", "interval": "5s"},
        "max_in_flight": 3,
        "org_id": "org-1",
        "headers": {"X-Team": "blue-team-secret"},
    }
    try:
        made = ok(ask("POST", "/backends", body))["backend"]
        assert (made["url"], made["enabled"], made["weight"]) == ("https://api.openai.com", False, 7)
        shown = ok(ask("GET", "/backends/delta"))
        assert shown["health_check"] == {"enabled": False, "path": "/up", "interval": "5s"}
        assert shown["models"] == body["models"]
        assert (shown["max_in_flight"], shown["org_id"]) == (3, "org-1")
        assert "retry_override" not in shown
    finally:
        ok(ask("DELETE", "/backends/delta"))


def test_changing_one_leaves_absent_fields_and_null_clears(ask: PlainClient, gamma: dict[str, Any]) -> None:
    del gamma
    answer = ok(ask("PUT", "/backends/gamma", {"weight": 9, "org_id": "org-7"}), "success", "message", "backend")
    assert (answer["success"], answer["message"]) == (True, "Backend 'gamma' updated successfully")
    assert set(answer["backend"]) >= SHORT
    assert answer["backend"]["weight"] == 9
    shown = ok(ask("GET", "/backends/gamma"))
    assert (shown["api_key"], shown["models"], shown["org_id"]) == ("sk-***5678", ["g"], "org-7")
    ok(ask("PUT", "/backends/gamma", {"org_id": None}))
    assert "org_id" not in ok(ask("GET", "/backends/gamma"))
    ok(ask("PUT", "/backends/gamma", {"api_key": None}))
    assert "api_key" not in ok(ask("GET", "/backends/gamma"))
    ok(ask("PUT", "/backends/gamma", {"url": None}))
    assert ok(ask("GET", "/backends/gamma"))["url"] == "https://api.openai.com"
    assert set(faults(ask("PUT", "/backends/beta", {"url": None}))) == {"url"}


def test_reading_editing_and_writing_one_back(ask: PlainClient, gamma: dict[str, Any]) -> None:
    del gamma
    read = ok(ask("GET", "/backends/gamma"))
    before = version(ask)
    ok(ask("PUT", "/backends/gamma", read))
    assert version(ask) == before
    ok(ask("PUT", "/backends/gamma", {**read, "weight": 4}))
    assert ok(ask("GET", "/backends/gamma")) == {**read, "weight": 4}
    assert set(faults(ask("PUT", "/backends/gamma", {**read, "name": "other"}))) == {"name"}


def test_a_masked_key_sent_back_stays_and_a_strange_one_is_refused(site: Site, gamma: dict[str, Any]) -> None:
    del gamma
    ask = site.ask
    ok(ask("PUT", "/backends/gamma", {"api_key": "sk-***5678", "weight": 2}))
    body = {"format": "json", "sections": ["backends"], "include_sensitive": True}
    kept = ok(ask("POST", "/config/export", body))["content"]
    assert "sk-gamma-key-of-ours-5678" in kept
    assert ALPHA_KEY in kept
    assert set(faults(ask("POST", "/backends", {"name": "eps", "url": NOWHERE, "api_key": "sk-***5678"}))) == {
        "api_key"
    }
    ok(ask("PUT", "/backends/gamma", {"api_key": "sk-gamma-rotated-key-0000"}))
    ok(ask("PUT", "/backends/gamma", {"api_key": "sk-***5678", "weight": 3}))  # the mask of the one before
    assert ok(ask("GET", "/backends/gamma"))["api_key"] == "sk-***0000"


def test_weight(ask: PlainClient, gamma: dict[str, Any]) -> None:
    del gamma
    keys = ("success", "message", "previous_weight", "new_weight")
    assert ok(ask("PUT", "/backends/gamma/weight", {"weight": 5}), *keys) == {
        "success": True,
        "message": "Backend 'gamma' weight updated to 5",
        "previous_weight": 1,
        "new_weight": 5,
    }
    assert ok(ask("GET", "/backends/gamma"))["weight"] == 5
    for weight in (0, 101, True, "5", 2.5, None):
        assert set(faults(ask("PUT", "/backends/gamma/weight", {"weight": weight}))) == {"weight"}, weight
    assert ok(ask("PUT", "/backends/gamma/weight", {"weight": 100}))["previous_weight"] == 5
    assert ok(ask("PUT", "/backends/gamma/weight", {"weight": 1}))["previous_weight"] == 100


def test_models(ask: PlainClient, gamma: dict[str, Any]) -> None:
    del gamma
    keys = ("success", "message", "models")
    assert ok(ask("PUT", "/backends/gamma/models", {"models": ["b", "a"]}), *keys) == {
        "success": True,
        "message": "Backend 'gamma' models updated",
        "models": ["b", "a"],
    }
    more = ok(ask("PUT", "/backends/gamma/models", {"models": ["a", "c", "b"], "append": True}), *keys)
    assert more["models"] == ["b", "a", "c"]
    assert ok(ask("GET", "/backends/gamma"))["models"] == ["b", "a", "c"]
    assert ok(ask("PUT", "/backends/gamma/models", {"models": []}))["models"] == []
    for models in ("a", None, 7, [""]):
        assert faults(ask("PUT", "/backends/gamma/models", {"models": models})), models
    assert set(faults(ask("PUT", "/backends/gamma/models", {"models": [7]}))) == {"models.0"}


def test_removing_one(ask: PlainClient, gamma: dict[str, Any]) -> None:
    del gamma
    assert ok(ask("DELETE", "/backends/gamma")) == {
        "success": True,
        "message": "Backend 'gamma' removed successfully",
        "removed_backend": "gamma",
    }
    refused(ask("GET", "/backends/gamma"), 404, "BACKEND_NOT_FOUND")
    ok(ask("POST", "/backends", {"name": "gamma", "url": NOWHERE}))
    assert ok(ask("DELETE", "/backends/gamma?force=true"))["removed_backend"] == "gamma"


def test_one_that_there_is_not(ask: PlainClient) -> None:
    before = version(ask)
    refused(ask("GET", "/backends/nobody"), 404, "BACKEND_NOT_FOUND")
    refused(ask("PUT", "/backends/nobody", {"weight": 2}), 404, "BACKEND_NOT_FOUND")
    refused(ask("DELETE", "/backends/nobody"), 404, "BACKEND_NOT_FOUND")
    refused(ask("PUT", "/backends/nobody/weight", {"weight": 2}), 404, "BACKEND_NOT_FOUND")
    refused(ask("PUT", "/backends/nobody/models", {"models": []}), 404, "BACKEND_NOT_FOUND")
    refused(ask("POST", "/backends/nobody/probe"), 404, "BACKEND_NOT_FOUND")
    assert version(ask) == before


def test_probing(ask: PlainClient) -> None:
    keys = ("name", "health_status", "latency_ms", "models", "detected_type")
    good = ok(ask("POST", "/backends/alpha/probe"), *keys)
    assert (good["name"], good["health_status"], good["detected_type"]) == ("alpha", "healthy", "openai")
    assert good["latency_ms"] > 0
    assert good["models"] == ["test-model"]  # what its server lists
    bad = ok(ask("POST", "/backends/beta/probe"), *keys, "error")
    assert (bad["name"], bad["health_status"], bad["models"]) == ("beta", "unhealthy", ["beta-model"])
    assert bad["error"]
    assert "127.0.0.1" not in bad["error"]


def test_the_last_one_may_go_and_calls_are_told_so(site: Site) -> None:
    ask = site.ask
    kept = section(ask, "backends")
    call = {"model": "test-model", "messages": [{"role": "user", "content": "hello"}]}
    before = version(ask)
    try:
        for each in kept:
            ok(ask("DELETE", f"/backends/{each['name']}"))
        assert ok(ask("GET", "/backends")) == {"backends": [], "total": 0}
        assert section(ask, "backends") == []
        answer = site.root("POST", "/v1/chat/completions", call)
        assert answer.status == 503
        assert "No backends available" in answer.json["error"]["message"]
        assert site.root("GET", "/v1/models").json["data"] == []
    finally:
        back = ok(ask("POST", f"/config/rollback/{before}"))
    assert back["sections_rolled_back"] == ["backends"]
    assert section(ask, "backends") == kept
    assert site.root("POST", "/v1/chat/completions", call).status == 200


def test_file_only_keys_are_not_taken_over_http(ask: PlainClient) -> None:
    managed = {"name": "own", "url": "http://127.0.0.1:{port}", "managed": {"command": ["true"]}}
    assert any(field.startswith("managed") for field in faults(ask("POST", "/backends", managed)))
    tls = {"name": "own", "url": "https://h.example", "tls": {"ca_file": "/etc/passwd"}}
    assert any(field.startswith("tls") for field in faults(ask("POST", "/backends", tls)))
    paths = {
        "logging": "file",
        "files": "storage_path",
        "api_keys": "api_keys_file",
        "global_prompts": "prompts_dir",
    }
    for name, key in paths.items():
        assert set(faults(ask("PATCH", f"/config/{name}", {"config": {key: "/etc/x"}}))) == {key}
    server = {"tls": {"cert_file": "/etc/a", "key_file": "/etc/b"}}
    assert any(field.startswith("tls") for field in faults(ask("PATCH", "/config/server", {"config": server})))
