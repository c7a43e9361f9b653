"""Statuses, codes, bodies and what is beyond the reference, sentence by sentence of the contract."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
from admin_contract import Site, ok, refused, section, version
from patience import PATIENCE_S
from plain_client import PlainClient

MIB = 1024 * 1024
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
DEBUG = {"config": {"level": "debug"}}
INFO = {"config": {"level": "info"}}


def test_every_answer_has_an_id_of_its_own(ask: PlainClient) -> None:
    answers = [ask("GET", "/config/full"), ask("GET", "/config/full"), ask("GET", "/nothing"), ask("PUT", "/backends")]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == len(answers)


@pytest.mark.parametrize("path", ["/", "", "/nothing", "/config", "/config/", "/backends/", "/config/logging/level"])
def test_nothing_at_a_path(ask: PlainClient, path: str) -> None:
    assert refused(ask("GET", path), 404, "NOT_FOUND") == {}


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("DELETE", "/config/logging"),
        ("POST", "/config/logging"),
        ("PUT", "/config/full"),
        ("PATCH", "/config/sections"),
        ("PUT", "/config/schema"),
        ("GET", "/config/validate"),
        ("PUT", "/config/validate"),
        ("PATCH", "/config/apply"),
        ("GET", "/config/export"),
        ("DELETE", "/config/import"),
        ("PUT", "/config/history"),
        ("GET", "/config/rollback/1"),
        ("PUT", "/config/prompts"),
        ("PATCH", "/backends"),
        ("POST", "/backends/alpha"),
        ("GET", "/backends/alpha/weight"),
        ("GET", "/backends/alpha/probe"),
        ("POST", "/stats"),
        ("OPTIONS", "/config/full"),
    ],
)
def test_another_verb(ask: PlainClient, verb: str, path: str) -> None:
    before = version(ask)
    answer = ask(verb, path) if verb in {"GET", "DELETE", "OPTIONS"} else ask(verb, path, {"config": {}})
    assert refused(answer, 405, "METHOD_NOT_ALLOWED") == {}
    allowed = {each.strip() for each in answer.headers["allow"].split(",")}
    assert allowed
    assert verb not in allowed
    for each in allowed & {"GET", "HEAD"}:
        assert ask(each, path).status == 200
    assert version(ask) == before


@pytest.mark.parametrize(
    "word", ["full", "sections", "schema", "validate", "apply", "export", "import", "history", "rollback", "prompts"]
)
def test_fixed_words_are_no_sections(ask: PlainClient, word: str) -> None:
    for verb in ("PUT", "PATCH", "DELETE"):
        answer = ask(verb, f"/config/{word}", {"config": {}})
        if word == "rollback":  # it takes a version behind it
            refused(answer, 404, "NOT_FOUND")
        else:
            refused(answer, 405, "METHOD_NOT_ALLOWED")
            assert answer.headers["allow"] in {"GET, HEAD", "POST"}


def test_head_is_get_without_a_body(ask: PlainClient) -> None:
    answer = ask("HEAD", "/config/full")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["etag"]


@pytest.mark.parametrize(
    ("raw", "line", "column"),
    [
        (b'{"config": planted}', 1, 12),
        (b'{\n "config": {"level": "planted\n"}}', 2, None),
        (b"{'config': 'planted'}", 1, 2),
        (b'{"config": {}} planted', 1, None),
        (b'{"config": {"level": "info", "level": "planted"}}', None, None),
        (b'{"config": NaN, "x": "planted"}', None, None),
        (b'{"config": "planted\xff"}', 1, None),
        (b'{"config": ' + b"9" * 6000 + b"}", None, None),
        (b'{"config": ' + b"[" * 500 + b"]" * 500 + b"}", None, None),
        (b'{"config": 1e999}', None, None),
        ('{"config": "planted"}'.encode("utf-16"), None, None),
    ],
)
def test_a_body_that_does_not_parse(ask: PlainClient, raw: bytes, line: int | None, column: int | None) -> None:
    before = version(ask)
    answer = ask("PUT", "/config/logging", raw=raw, headers={"Content-Type": "application/json"})
    details = refused(answer, 400, "PARSE_ERROR")
    assert set(details) <= {"line", "column"}
    assert line is None or details["line"] == line
    assert column is None or details["column"] == column
    assert b"planted" not in answer.body
    assert version(ask) == before


def test_bodies_may_be_absent_where_the_contract_says_so(ask: PlainClient) -> None:
    current = version(ask)
    for path in ("/config/apply", f"/config/rollback/{current}", "/config/prompts/reload"):
        ok(ask("POST", path))
        ok(ask("POST", path, raw=b""))
        ok(ask("POST", path, raw=b"", headers={"Content-Type": "application/json"}))
        ok(ask("POST", path, {}))
    for verb, path in (("PUT", "/config/logging"), ("PATCH", "/config/logging"), ("POST", "/backends")):
        assert ask(verb, path).json["error_code"] in {"VALIDATION_ERROR", "PARSE_ERROR"}
    assert version(ask) == current


def test_verbs_without_a_body_ignore_the_content_type(ask: PlainClient) -> None:
    for kind in ("application/json", "text/plain", "image/png", "nonsense"):
        headers = {"Content-Type": kind}
        ok(ask("GET", "/config/full", headers=headers))
        assert ask("HEAD", "/config/full", headers=headers).status == 200
        refused(ask("DELETE", "/backends/nobody", headers=headers), 404, "BACKEND_NOT_FOUND")


@pytest.mark.parametrize(
    "kind",
    ["", "application/json", "application/json; charset=utf-8", "application/merge-patch+json", FORM["Content-Type"]],
)
def test_what_is_read_as_json(ask: PlainClient, kind: str) -> None:
    raw = json.dumps(DEBUG).encode()
    answer = ok(ask("PATCH", "/config/logging", raw=raw, headers={"Content-Type": kind}))
    assert answer["merged_config"]["level"] == "debug"
    ok(ask("PATCH", "/config/logging", INFO))


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/xml", "application/yaml"]
)
def test_what_is_not(ask: PlainClient, kind: str) -> None:
    raw, headers = json.dumps(DEBUG).encode(), {"Content-Type": kind}
    refused(ask("PATCH", "/config/logging", raw=raw, headers=headers), 415, "UNSUPPORTED_MEDIA_TYPE")
    assert section(ask, "logging")["level"] == "info"


def test_a_form_of_a_page_is_not_read_even_from_here(site: Site) -> None:
    origin = {"Origin": f"http://{urlsplit(site.root.url).netloc}"}
    raw = json.dumps(DEBUG).encode()
    for kind in ("", FORM["Content-Type"]):
        headers = {**origin, "Content-Type": kind}
        answer = site.ask("PATCH", "/config/logging", raw=raw, headers=headers)
        refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    own = site.ask("PATCH", "/config/logging", DEBUG, headers=origin)
    assert ok(own)["merged_config"]["level"] == "debug"
    assert not [name for name in own.headers if name.startswith("access-control-")]
    ok(site.ask("PATCH", "/config/logging", INFO))


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil.example"]
)
def test_a_foreign_origin_is_refused_without_any_grant(site: Site, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    for ask in (site.ask, site.stranger):
        for verb in ("GET", "PUT", "OPTIONS"):
            answer = ask(verb, "/config/logging", headers=asked)
            refused(answer, 403, "FORBIDDEN")
            assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_foreign_host_is_refused(site: Site) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:80"):
        refused(site.ask("GET", "/config/full", headers={"Host": host}), 403, "FORBIDDEN")


@pytest.mark.parametrize("verb", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_without_a_credential_nothing_is_told(site: Site, verb: str) -> None:
    for path in ("/config/full", "/config/nonsense", "/nothing", "/backends/alpha", "", "/events", "/stats", "/keys"):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-API-Key": site.token}):
            answer = site.stranger(verb, path, headers=headers)
            assert answer.status == 401, (verb, path, answer)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            if verb != "HEAD":
                assert refused(answer, 401, "UNAUTHORIZED") == {}


def test_content_and_bodies_that_are_too_large(ask: PlainClient) -> None:
    before = version(ask)
    filler = "# " + "ä" * (MIB // 2 - 32) + "\n"
    room = MIB - len(filler.encode())
    exactly = filler + "#" * room
    assert len(exactly.encode()) == MIB
    ok(ask("POST", "/config/import", {"format": "yaml", "content": exactly}))
    body = {"format": "yaml", "content": f"{exactly}#"}
    refused(ask("POST", "/config/import", body), 413, "CONTENT_TOO_LARGE")
    refused(ask("POST", "/config/import", {**body, "dry_run": True}), 413, "CONTENT_TOO_LARGE")
    json_type = {"Content-Type": "application/json"}
    spaces = b" " * (4 * MIB)
    raw = json.dumps(INFO).encode()
    ok(ask("PATCH", "/config/logging", raw=raw + spaces[len(raw) :], headers=json_type))
    refused(ask("PATCH", "/config/logging", raw=raw + spaces, headers=json_type), 413, "CONTENT_TOO_LARGE")
    refused(ask("POST", "/config/import", {**body, "content": "#" * (8 * MIB)}), 413, "CONTENT_TOO_LARGE")
    assert version(ask) == before


def test_two_credentials_or_one_in_the_query_or_a_cookie(site: Site) -> None:
    place, bearer = urlsplit(site.ask.url), ("Authorization", f"Bearer {site.token}")
    tries: list[tuple[str, list[tuple[str, str]]]] = [
        ("", [bearer, bearer]),
        ("", [bearer, ("Authorization", "Bearer other")]),
        ("", [("Cookie", f"token={site.token}; Authorization=Bearer {site.token}")]),
        (f"?token={site.token}", []),
        (f"?access_token={site.token}", []),
        (f"?api_key={site.token}", []),
        (f"?token={site.token}", [bearer]),
        ("", [("Authorization", f"Basic {site.token}")]),
        ("", [("Authorization", site.token)]),
        ("", [("Authorization", f"Bearer {site.token} more")]),
        ("", [("Authorization", f"Bearer {site.token[:-1]}")]),
    ]
    for query, headers in tries:
        connection = http.client.HTTPConnection(place.netloc, timeout=PATIENCE_S)
        connection.putrequest("GET", f"{place.path}/config/full{query}")
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        body = json.loads(response.read())
        connection.close()
        assert (response.status, body["error_code"]) == (401, "UNAUTHORIZED"), (query, headers)
        assert site.token not in json.dumps(body)
