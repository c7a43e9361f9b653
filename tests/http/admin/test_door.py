"""Who gets in: each method of authentication, whitelist, proxies, Host, Origin, media types, and odd paths."""

import base64
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from admin_api import Open, ok, refused
from patience import PATIENCE_S, promised

from continuum.http import App, Mounted

TOKEN = "planted-admin-token-4711"
CLIENT_KEY = "sk-planted-client-key-0815"


def raw(url: str, method: str, target: str, headers: list[tuple[str, str]], body: bytes = b"") -> tuple[int, bytes]:
    """A request exactly as given: paths are not tidied, headers may come twice."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)
    connection.putrequest(method, target, skip_host=any(name.lower() == "host" for name, _ in headers))
    for name, value in headers:
        connection.putheader(name, value)
    if body or method in {"POST", "PUT", "PATCH"}:
        connection.putheader("content-length", str(len(body)))
    connection.endheaders(body or None)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


METHODS: dict[str, tuple[dict[str, Any], list[dict[str, str]], list[dict[str, str]]]] = {
    "bearer_token": (
        {"method": "bearer_token", "token": TOKEN},
        [{"authorization": f"Bearer {TOKEN}"}, {"authorization": f"bearer  {TOKEN}"}],
        [
            {},
            {"authorization": "Bearer"},
            {"authorization": TOKEN},
            {"authorization": f"Basic {TOKEN}"},
            {"authorization": f"Bearer {TOKEN[:-1]}"},
            {"authorization": f"Bearer {TOKEN}x"},
            {"authorization": f"Bearer {TOKEN.upper()}"},
            {"x-api-key": TOKEN},
            {"cookie": f"token={TOKEN}; authorization=Bearer {TOKEN}"},
            {"authorization": f"Bearer {CLIENT_KEY}"},
        ],
    ),
    "basic": (
        {"method": "basic", "username": "röot", "password": "päss:word"},
        [{"authorization": basic("röot", "päss:word")}],
        [
            {},
            {"authorization": basic("röot", "wrong")},
            {"authorization": basic("root", "päss:word")},
            {"authorization": basic("röot", "")},
            {"authorization": "Basic !!!"},
            {"authorization": "Basic " + base64.b64encode(b"no colon").decode()},
            {"authorization": "Bearer password"},
        ],
    ),
    "api_key": (
        {"method": "api_key", "api_key": TOKEN},
        [{"x-api-key": TOKEN}],
        [
            {},
            {"x-api-key": ""},
            {"x-api-key": "wrong"},
            {"authorization": f"Bearer {TOKEN}"},
            {"x-api-key": CLIENT_KEY},
        ],
    ),
    "api_key from the token": ({"method": "api_key", "token": TOKEN}, [{"x-api-key": TOKEN}], [{"x-api-key": "x"}]),
}


@pytest.mark.parametrize("name", METHODS)
def test_each_method(open_admin: Open, name: str) -> None:
    auth, right, wrong = METHODS[name]
    keys = {"mode": "blocking", "api_keys": [{"key": CLIENT_KEY, "scopes": ["read", "write", "files", "admin"]}]}
    running, _ = open_admin({"admin": {"auth": auth}, "api_keys": keys})
    with httpx.Client(base_url=running.url, trust_env=False) as client:
        for headers in right:
            assert ok(client.get("/admin/config/logging", headers=headers))
            assert client.head("/admin/config/logging", headers=headers).status_code == 200
        for headers in wrong:
            for method, path in (
                ("GET", "/admin/config/full"),
                ("HEAD", "/admin/config/full"),
                ("OPTIONS", "/admin/config/full"),
                ("DELETE", "/admin/nothing/here"),
                ("GET", "/admin"),
                ("GET", "/admin/"),
                ("PUT", "/admin/config/logging"),
            ):
                response = client.request(method, path, headers=headers, content=b"{")
                assert response.status_code == 401, (method, path, headers)
                assert response.headers["www-authenticate"]
                if method != "HEAD":
                    assert refused(response, 401, "UNAUTHORIZED") == {}


def test_the_generated_token(open_admin: Open) -> None:
    running, api = open_admin()
    file = running.folder / "admin.token"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(running.token) > 30
    assert ok(api.get("/config/full"))
    assert running.token not in api.get("/config/full").text
    file.chmod(0o644)
    refused(api.get("/config/full"), 401, "UNAUTHORIZED")


def test_two_credentials_are_none(open_admin: Open) -> None:
    running, _ = open_admin({"admin": {"auth": {"token": TOKEN}}})
    right = ("Authorization", f"Bearer {TOKEN}")
    assert raw(running.url, "GET", "/admin/config/logging", [right])[0] == 200
    assert raw(running.url, "GET", "/admin/config/logging", [right, right])[0] == 401
    for name in ("token", "access_token", "api_key", "key"):
        assert raw(running.url, "GET", f"/admin/config/logging?{name}={TOKEN}", [])[0] == 401
        assert raw(running.url, "GET", f"/admin/config/logging?{name}={TOKEN}", [right])[0] == 401


def test_none_answers_this_machine_and_a_host_of_its_own(open_admin: Open) -> None:
    running, _ = open_admin({"admin": {"auth": {"method": "none"}}, "server": {"allowed_hosts": ["*"]}})
    url = running.url
    assert raw(url, "GET", "/admin/config/full", [("Host", "localhost")])[0] == 200
    for headers in (
        [("Host", "evil.example")],
        [("Host", "localhost.evil.example")],
        [("Host", "localhost"), ("X-Forwarded-For", "127.0.0.1")],
        [("Host", "localhost"), ("Forwarded", "for=127.0.0.1")],
        [("Host", "localhost"), ("Origin", "http://evil.example")],
        [("Host", "localhost"), ("Origin", "null")],
    ):
        status, content = raw(url, "GET", "/admin/config/full", headers)
        assert (status, json.loads(content)["error_code"]) == (403, "FORBIDDEN"), headers
    export = json.dumps({"format": "json", "include_sensitive": True}).encode()
    kind = ("Content-Type", "application/json")
    assert raw(url, "POST", "/admin/config/export", [kind], export)[0] == 401
    token = ("Authorization", f"Bearer {running.token}")
    assert raw(url, "POST", "/admin/config/export", [kind, token], export)[0] == 200
    assert raw(url, "POST", "/admin/config/apply", [])[0] == 200, "there is no body to be of a type"
    for wrong in ("application/x-www-form-urlencoded", "text/plain"):
        assert raw(url, "POST", "/admin/config/apply", [("Content-Type", wrong)], b"{}")[0] == 415


def test_the_whitelist_judges_the_peer(open_admin: Open) -> None:
    running, api = open_admin({"admin": {"ip_whitelist": ["10.0.0.0/8"]}})
    for headers in ({}, {"x-forwarded-for": "10.0.0.1"}, {"x-real-ip": "10.0.0.1"}, {"forwarded": "for=10.0.0.1"}):
        refused(api.get("/config/full", headers=headers), 403, "FORBIDDEN")
    assert httpx.get(f"{running.url}/admin/config/full", trust_env=False).status_code == 401


def test_the_whitelist_behind_a_trusted_proxy(open_admin: Open) -> None:
    server = {"trusted_proxies": ["127.0.0.0/8", "192.168.0.0/16"]}
    _, api = open_admin({"admin": {"ip_whitelist": ["10.0.0.0/8"]}, "server": server})
    for line, status in (
        ("10.0.0.1", 200),
        ("6.6.6.6, 10.0.0.1", 200),
        ("10.0.0.1, 6.6.6.6", 403),
        ("10.0.0.1, 192.168.1.1", 200),
        ("10.0.0.1, nonsense", 403),
        ("", 403),
    ):
        assert api.get("/config/full", headers={"x-forwarded-for": line}).status_code == status, line


def test_the_rate_limit(open_admin: Open) -> None:
    running, api = open_admin({"admin": {"rate_limit": {"requests_per_minute": 1, "burst": 3}}})
    statuses = [api.get("/config/logging").status_code for _ in range(3)]
    assert statuses == [200, 200, 200]
    response = api.get("/config/logging")
    assert refused(response, 429, "RATE_LIMITED") == {}
    assert 1 <= int(response.headers["retry-after"]) <= 60
    assert httpx.get(f"{running.url}/admin/config/full", trust_env=False).status_code == 429, "guesses count too"


@pytest.mark.parametrize(("origin", "status"), [("http://evil.example", 403), ("null", 403), ("", 403), ("own", 200)])
def test_origins(open_admin: Open, origin: str, status: int) -> None:
    running, api = open_admin({"cors": {"allow_origins": ["*"]}})
    response = api.get("/config/full", headers={"origin": running.url if origin == "own" else origin})
    assert response.status_code == status
    assert not any(name.startswith("access-control") for name in response.headers)


MEDIA: list[tuple[dict[str, str], int]] = [
    ({"content-type": "application/json; charset=utf-8"}, 200),
    ({"content-type": "application/merge-patch+json"}, 200),
    ({"content-type": "application/x-www-form-urlencoded"}, 200),
    ({}, 200),
    ({"content-type": "text/plain"}, 415),
    ({"content-type": "multipart/form-data"}, 415),
    ({"content-type": "application/json", "content-encoding": "gzip"}, 415),
]


@pytest.mark.parametrize(("headers", "status"), MEDIA)
def test_media_types(open_admin: Open, headers: dict[str, str], status: int) -> None:
    running, api = open_admin()
    response = api.put("/config/logging", content=b'{"config": {"level": "debug"}}', headers=headers)
    assert response.status_code == status, response.text
    if "urlencoded" in headers.get("content-type", "") or not headers:
        refused(
            api.put("/config/logging", content=b"{}", headers={**headers, "origin": running.url}),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        )
    assert ok(api.get("/config/logging", headers={"content-type": "text/plain"}))


BODIES: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"{", "PARSE_ERROR"),
    "empty": (b"", "VALIDATION_ERROR"),
    "no object": (b"[]", "VALIDATION_ERROR"),
    "a string": (b'"x"', "VALIDATION_ERROR"),
    "trailing data": (b'{"config": {}} x', "PARSE_ERROR"),
    "NaN": (b'{"config": {"max_attempts": NaN}}', "PARSE_ERROR"),
    "a key twice": (b'{"config": {}, "config": {}}', "PARSE_ERROR"),
    "deep": (b'{"config": ' + b"[" * 200 + b"]" * 200 + b"}", "PARSE_ERROR"),
    "very deep": (b"[" * 100_000, "PARSE_ERROR"),
    "not UTF-8": (b'{"config": "\xff"}', "PARSE_ERROR"),
    "UTF-16": ('{"config": {}}'.encode("utf-16"), "PARSE_ERROR"),
    "a huge number": (b'{"config": {"max_attempts": ' + b"9" * 6000 + b"}}", "PARSE_ERROR"),
    "half a character": (b'{"config": {"default_model": "\\ud800"}}', "PARSE_ERROR"),
    "an unknown key": (b'{"config": {}, "cnofig": {}}', "VALIDATION_ERROR"),
}


def test_bodies_that_are_none(open_admin: Open) -> None:
    _, api = open_admin()
    for name, (content, code) in BODIES.items():
        details = refused(api.put("/config/retry", content=content), 400, code)
        assert code != "PARSE_ERROR" or set(details) <= {"line", "column"}, name
    refused(api.put("/config/retry", content=b" " * (4 * 1024 * 1024 + 1)), 413, "CONTENT_TOO_LARGE")
    assert ok(api.get("/config/history"))["current_version"] == 1


BOMBS: dict[str, str] = {
    "aliases": "a: &a [x,x]\nb: &b [*a,*a]\nlogging: {level: *b}",
    "merge": "x: &x {level: debug}\nlogging:\n  <<: *x",
    "tags": "logging: !!python/object/apply:os.system ['secret-command']",
    "depth": "logging: " + "[" * 5000,
    "documents": "logging: {}\n---\nlogging: {}",
    "twice": "logging: {level: info}\nlogging: {level: debug}",
    "many": "logging: [" + "x," * 200_000 + "]",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_yaml_bombs(open_admin: Open, bomb: str) -> None:
    _, api = open_admin()
    response = api.post("/config/import", json={"format": "yaml", "content": BOMBS[bomb]})
    refused(response, 400, "PARSE_ERROR")
    assert response.elapsed.total_seconds() < promised(2)
    assert "secret-command" not in response.text


def test_under_a_prefix(open_admin: Open) -> None:
    """Mounted by a host that leaves the path whole, as ASGI has it."""

    def mount(app: App) -> Any:
        inner: Any = Mounted(app, lambda: None)

        async def mounted(scope: Any, receive: Any, send: Any) -> None:
            await inner({**scope, "root_path": "/llm"} if scope["type"] == "http" else scope, receive, send)

        return mounted

    running, api = open_admin(wrap=mount)
    api.base_url = httpx.URL(f"{running.url}/llm/admin")
    assert ok(api.get("/config/logging"))["section"] == "logging"
    assert ok(api.put("/config/logging", json={"config": {"level": "debug"}}))["version"] == 2
    refused(api.get("/nothing"), 404, "NOT_FOUND")
    with httpx.Client(base_url=f"{running.url}/llm", trust_env=False) as nobody:
        refused(nobody.get("/admin/config/full"), 401, "UNAUTHORIZED")
        refused(nobody.get("/admin/nothing"), 401, "UNAUTHORIZED")


def test_changed_credentials_hold_at_once(open_admin: Open) -> None:
    running, api = open_admin()
    ok(api.patch("/config/admin", json={"config": {"auth": {"token": TOKEN}}}))
    refused(api.get("/config/full"), 401, "UNAUTHORIZED")
    with httpx.Client(headers={"authorization": f"Bearer {TOKEN}"}, trust_env=False) as client:
        assert ok(client.get(f"{running.url}/admin/config/admin"))["config"]["auth"]["token"] == "pla***4711"


def test_the_audit_log(open_admin: Open) -> None:
    running, api = open_admin()
    secret = "sk-planted-backend-key-9999"
    ok(api.post("/backends", json={"name": "x", "url": "http://127.0.0.1:1", "api_key": secret, "models": ["m"]}))
    ok(api.put("/config/logging", json={"config": {"level": "debug"}}))
    ok(api.put("/config/logging", json={"config": {"level": "debug"}}))
    ok(api.post("/config/export", json={"format": "json", "include_sensitive": True}))
    file = running.folder / "audit.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line.get("version") for line in lines] == [2, 3, None]
    assert all(line["user"] == "admin" and line["peer"] == "127.0.0.1" and line["time"].endswith("Z") for line in lines)
    assert lines[1]["changes"] == {"logging": {"level": {"from": "info", "to": "debug"}}}
    assert lines[2]["event"] == "exported with secrets"
    assert secret not in file.read_text()
    assert "sk-***9999" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
