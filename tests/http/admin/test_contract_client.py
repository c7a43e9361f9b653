"""A client written from the contract alone, with the standard library's HTTP: every route once, in a sensible order."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from admin_api import Open


class Client:
    """Sends JSON with a session-wide Content-Type, as most clients do, on bodyless requests too."""

    def __init__(self, url: str, token: str) -> None:
        self._place = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def __call__(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        connection = http.client.HTTPConnection(self._place, timeout=20)
        content = None if body is None else json.dumps(body)
        connection.request(method, f"/admin{path}", content, self._headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        assert response.status == status, answer
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers["X-Request-Id"]
        return answer


def test_every_route_once(open_admin: Open) -> None:
    backends = [{"name": "a", "url": "http://127.0.0.1:9", "api_key": "sk-0123456789abcd", "models": ["m"]}]
    running, _ = open_admin({"backends": backends})
    ask = Client(running.url, running.token)

    sections = [each["name"] for each in ask("GET", "/config/sections")["sections"]]
    assert len(sections) == 15
    full = ask("GET", "/config/full")["config"]
    assert list(full) == sections
    for name in sections:
        shown = ask("GET", f"/config/{name}")
        assert ask("PUT", f"/config/{name}", {"config": shown["config"]})["version"] == 1
    assert ask("GET", "/config/schema")["schema"]["type"] == "object"
    assert ask("PATCH", "/config/logging", {"config": {"level": "debug"}})["merged_config"]["level"] == "debug"
    assert ask("POST", "/config/validate", {"section": "logging", "config": {"level": "warn"}})["valid"] is True
    exported = ask("POST", "/config/export", {"format": "yaml"})
    staged = {"format": "yaml", "content": exported["content"].replace("level: debug", "level: warn"), "apply": False}
    assert ask("POST", "/config/import", staged)["applied"] is False
    assert ask("POST", "/config/apply")["results"]["logging"]["status"] == "applied"
    assert ask("GET", "/config/history")["current_version"] == 3
    assert ask("GET", "/config/history/2")["diff"]["logging"]["level"] == {"from": "info", "to": "debug"}
    assert ask("POST", "/config/rollback/1")["new_version"] == 4

    assert ask("PUT", "/config/prompts/system.md", {"content": "hello"})["path"] == "prompts/system.md"
    assert ask("GET", "/config/prompts/prompts/system.md")["content"] == "hello"
    assert ask("GET", "/config/prompts")["total"] == 0
    assert ask("POST", "/config/prompts/reload")["reloaded_count"] == 0

    assert ask("POST", "/backends", {"name": "b", "url": "http://127.0.0.1:9"})["backend"]["health_status"] == "unknown"
    assert ask("GET", "/backends")["total"] == 2
    entry = ask("GET", "/backends/a")
    assert ask("PUT", "/backends/a", entry)["success"] is True
    assert ask("PUT", "/backends/b/weight", {"weight": 9})["new_weight"] == 9
    assert ask("PUT", "/backends/b/models", {"models": ["x"]})["models"] == ["x"]
    assert ask("POST", "/backends/a/probe")["name"] == "a"
    assert ask("DELETE", "/backends/b")["removed_backend"] == "b"
    assert ask("GET", "/backends/b", status=404)["error_code"] == "BACKEND_NOT_FOUND"

    made = ask("POST", "/keys", {"id": "ann", "rate_limit": 60})
    assert (made["key"]["source"], made["secret"][:3]) == ("storage", "sk-")
    assert ask("GET", "/keys")["total"] == 1
    shown = ask("GET", "/keys/ann")
    assert ask("PATCH", "/keys/ann", {**shown, "rate_limit": None})["success"] is True
    assert ask("POST", "/keys/ann/rotate")["secret"] != made["secret"]
    assert ask("DELETE", "/keys/ann")["removed_key"] == "ann"
    assert ask("GET", "/keys/ann", status=404)["error_code"] == "KEY_NOT_FOUND"

    assert ask("GET", "/stats")["totals"]["cost"] is None
    told = ask("POST", "/route/explain", {"model": "m"})
    assert (told["chosen"], told["candidates"][0]["reason"]) == (None, "is unhealthy"), "the probe found nobody"
    assert ask("GET", "/config/nothing", status=404)["error_code"] == "SECTION_NOT_FOUND"
    assert ask("DELETE", "/config/full", status=405)["error_code"] == "METHOD_NOT_ALLOWED"
