"""What reliability.md has refused at the admin API, in bytes over a socket: odd paths, spoofed headers, smuggled hosts
and requests, bombs, and addresses that no backend may have.
"""

import json
import socket
import time
from urllib.parse import urlsplit

import pytest
from admin_contract import Site, faults, ok, refused, version
from patience import PATIENCE_S, promised
from plain_client import PlainClient

CONFIGURED = b"bind_address"

ODD_PATHS = [
    "/ADMIN/config/full",
    "/Admin/config/full",
    "//admin/config/full",
    "/admin//config/full",
    "/admin/config//full",
    "/admin/config/full/",
    "/%61dmin/config/full",
    "/admin%2fconfig/full",
    "/admin%2Fconfig%2Ffull",
    "/admin/config%2ffull",
    "/admin%252fconfig%252ffull",
    "/admin/./config/full",
    "/admin/config/../config/full",
    "/x/../admin/config/full",
    "/v1/../admin/config/full",
    "/v1/%2e%2e/admin/config/full",
    "/admin/%2e%2e/admin/config/full",
    "/admin;x=1/config/full",
    "/admin/config;x/full",
    "/admin/config/full;x=1",
    "/admin\\config\\full",
    "/v1\\..\\admin/config/full",
    "/admin/config/full%00",
    "/admin/config/full%0d%0a",
    "/admin/config/%ff",
    "/health/../admin/config/full",
]
SPOOFING = [
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Forwarded-Prefix",
    "X-Forwarded-Path",
    "X-Original-URI",
    "X-Path-Info",
]


def raw(site: Site, target: str, *fields: str, method: str = "GET", body: bytes = b"") -> bytes:
    """All that comes back to one request on a connection of its own; no field is added."""
    place = urlsplit(site.root.url)
    head = "\r\n".join([f"{method} {target} HTTP/1.1", *fields, "Connection: close", "", ""]).encode()
    return exchange((place.hostname or "", place.port or 0), head + body)


def exchange(address: tuple[str, int], sent: bytes) -> bytes:
    """Send bytes, and take what comes until the other side closes."""
    with socket.create_connection(address, timeout=PATIENCE_S) as connection:
        connection.sendall(sent)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("path", ODD_PATHS)
def test_odd_paths_lead_nowhere(site: Site, path: str) -> None:
    prefix = urlsplit(site.root.url).path
    for shown in ("", f"Authorization: Bearer {site.token}"):
        answer = raw(site, prefix + path, "Host: localhost", *filter(None, [shown]))
        assert status(answer) in {400, 401, 404}, answer
        assert CONFIGURED not in answer


@pytest.mark.parametrize("name", SPOOFING)
def test_no_header_names_another_path(site: Site, name: str) -> None:
    prefix = urlsplit(site.root.url).path
    for path in ("/health", "/v1/models", "/nowhere"):
        fields = ["Host: localhost", f"{name}: /admin/config/full", f"Authorization: Bearer {site.token}"]
        assert CONFIGURED not in raw(site, prefix + path, *fields)


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_no_header_names_another_method(site: Site, name: str) -> None:
    refused(site.ask("POST", "/backends/alpha", {}, headers={name: "DELETE"}), 405, "METHOD_NOT_ALLOWED")
    assert ok(site.ask("GET", "/backends/alpha", headers={name: "DELETE"}))["name"] == "alpha"
    assert ok(site.ask("GET", "/backends/alpha?_method=DELETE"))["name"] == "alpha"


@pytest.mark.parametrize(
    "fields",
    [
        ["Host: evil.example"],
        ["Host: evil.example", "X-Forwarded-Host: localhost"],
        ["Host: evil.example", "Forwarded: host=localhost"],
        ["Host: localhost.evil.example"],
        ["Host: localhost@evil.example"],
        ["Host: localhost, evil.example"],
        ["Host: localhost evil.example"],
        ["Host: evil.example#localhost"],
        ["Host: [::1].evil.example"],
        ["Host: 127.0.0.1.evil.example"],
        ["Host:"],
        ["Host: localhost", "Host: localhost"],
        ["Host: localhost", "Host: evil.example"],
        ["Host : localhost"],
        ["Host: localhost", " evil.example"],
        [],
    ],
    ids=lambda fields: "; ".join(fields) or "none",
)
def test_a_host_that_is_not_ours(site: Site, fields: list[str]) -> None:
    target = f"{urlsplit(site.root.url).path}/admin/config/full"
    answer = raw(site, target, *fields, f"Authorization: Bearer {site.token}")
    assert status(answer) in {400, 403}, answer
    assert CONFIGURED not in answer


def test_a_target_that_names_another_host(site: Site) -> None:
    target = f"http://evil.example{urlsplit(site.root.url).path}/admin/config/full"
    answer = raw(site, target, "Host: localhost")
    assert status(answer) in {400, 401, 403, 404}, answer


@pytest.mark.parametrize(
    "fields",
    [
        ["Content-Length: 4", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
        ["Content-Length: 0", "Content-Length: 4"],
        ["Transfer-Encoding : chunked", "Content-Length: 4"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
    ],
    ids="; ".join,
)
def test_no_request_is_smuggled_behind_another(site: Site, fields: list[str]) -> None:
    """Whoever reads the first one's length in another way than we do finds a second request in its body."""
    place = urlsplit(site.root.url)
    hidden = (
        f"GET {place.path}/admin/config/full HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {site.token}\r\n\r\n"
    )
    body = b"0\r\n\r\n" + hidden.encode()
    lines = [f"POST {place.path}/v1/chat/completions HTTP/1.1", "Host: localhost", *fields, "", ""]
    answer = exchange((place.hostname or "", place.port or 0), "\r\n".join(lines).encode() + body)
    if place.path:  # the host's server reads it, and may by RFC 9112 take the coding and close
        assert CONFIGURED not in answer
    else:
        assert status(answer) in {400, 501}, answer
        assert answer.count(b"HTTP/1.1 ") == 1


BOMBS: dict[str, tuple[str, str]] = {
    "YAML, aliases": (
        "yaml",
        "a: &a [x,x]\n" + "".join(f"{c}: &{c} [*{p},*{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)),
    ),
    "YAML, a merge": ("yaml", "x: &x {level: planted}\nlogging:\n  <<: *x"),
    "YAML, recursion": ("yaml", "logging: &x {level: *x}"),
    "YAML, a tag": ("yaml", "logging: !!python/object/apply:os.system [planted]"),
    "YAML, a tag of its own": ("yaml", "logging: !planted {level: info}"),
    "YAML, binary": ("yaml", "logging: {level: !!binary cGxhbnRlZA==}"),
    "YAML, depth": ("yaml", "logging: " + "[" * 50_000),
    "YAML, depth by lines": ("yaml", "".join(f"{' ' * n}a:\n" for n in range(400))),
    "YAML, documents": ("yaml", "logging: {level: planted}\n---\nlogging: {}"),
    "YAML, a key twice": ("yaml", "logging: {level: info}\nlogging: {level: planted}"),
    "YAML, a key that is a mapping": ("yaml", "? {a: planted}\n: 1"),
    "YAML, a control character": ("yaml", "logging: {level: \x07planted}"),
    "JSON, depth": ("json", '{"logging": ' + "[" * 50_000),
    "JSON, a long number": ("json", '{"retry": {"max_attempts": ' + "9" * 6000 + "}}"),
    "JSON, NaN": ("json", '{"retry": {"max_attempts": NaN}}'),
    "JSON, a key twice": ("json", '{"logging": {}, "logging": {"level": "planted"}}'),
    "TOML, depth": ("toml", "logging = " + "[" * 50_000),
    "TOML, deep tables": ("toml", "[" + ".".join("a" * 400) + "]"),
    "TOML, a key twice": ("toml", 'logging.level = "info"\nlogging.level = "planted"'),
    "a single value": ("yaml", "planted"),
    "a list": ("yaml", "- planted"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_at_once_and_not_repeated(ask: PlainClient, name: str) -> None:
    form, content = BOMBS[name]
    before, began = version(ask), time.monotonic()
    answer = ask("POST", "/config/import", {"format": form, "content": content})
    assert time.monotonic() - began < promised(2)
    assert answer.status == 400, answer
    assert answer.json["error_code"] in {"PARSE_ERROR", "VALIDATION_ERROR"}, answer
    assert b"planted" not in answer.body
    assert version(ask) == before


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "h.example",
        "http://",
        "http://user:password@h.example",
        "http://user@h.example",
        "http://h.example/#fragment",
        "http://h.example:0",
        "http://h.example:65536",
        "http://h.example:port",
        "http://h.example/\r\nx: 1",
        "http://h.exa\x00mple",
        "http://169.254.169.254/latest/meta-data",
        "http://2852039166",
        "http://0xA9FEA9FE",
        "http://0xa9.0xfe.0xa9.0xfe",
        "http://0251.0376.0251.0376",
        "http://169.254.43518",
        "http://[::ffff:169.254.169.254]",
        "http://[::ffff:a9fe:a9fe]",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://[fe80::1]",
        "http://[fd00:ec2::254]",
        "http://metadata.google.internal",
        "http://METADATA.google.internal.",
        "http://169.254.1.1",
        7,
        None,
        ["http://h.example"],
    ],
)
def test_urls_that_no_backend_may_have(ask: PlainClient, url: object) -> None:
    before = version(ask)
    assert set(faults(ask("POST", "/backends", {"name": "new", "url": url}))) == {"url"}
    entries = [{"name": "new", "url": url}]
    assert set(faults(ask("PUT", "/config/backends", {"config": entries}))) == {"0.url"}
    content = json.dumps({"backends": entries})
    assert set(faults(ask("POST", "/config/import", {"format": "json", "content": content}))) == {"backends.0.url"}
    assert version(ask) == before
