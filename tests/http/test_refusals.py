"""Requests the router refuses by itself, and the paths that are always open."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import trio
from chat import CHAT, Received, ask, asked, client_of
from patience import PATIENCE_S
from serving import Router, config, open_router

MAX_BODY_BYTES = 64 * 1024
HEAD = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
DEEP = '{"model":"test-model","messages":' + "[" * 101 + "]" * 101 + "}"

# name: body, status, code (None: any)
BODIES: dict[str, tuple[bytes, int, str | None]] = {
    "empty": (b"", 400, "invalid_json"),
    "not JSON": (b"{model: test-model}", 400, "invalid_json"),
    "cut short": (json.dumps(asked()).encode()[:-1], 400, "invalid_json"),
    "trailing data": (json.dumps(asked()).encode() + b"{}", 400, "invalid_json"),
    "NaN": (b'{"model":"test-model","messages":[],"temperature":NaN}', 400, "invalid_json"),
    "Infinity": (b'{"model":"test-model","messages":[],"temperature":Infinity}', 400, "invalid_json"),
    "invalid UTF-8": (b'{"model":"test-model","messages":[],"user":"\xff\xfe"}', 400, "invalid_json"),
    "UTF-16": (json.dumps(asked()).encode("utf-16"), 400, "invalid_json"),
    "too deep": (DEEP.encode(), 400, None),
    "a 6000-digit integer": (b'{"model":"test-model","messages":[],"seed":' + b"9" * 6000 + b"}", 400, None),
    "a depth bomb": (b'{"model":"test-model","messages":' + b"[" * 60_000, 400, None),
    "6000 digits further in": (
        b'{"model":"test-model","messages":[],"stream_options":{"include_usage":' + b"9" * 6000 + b"}}",
        400,
        None,
    ),
    "a byte order mark": (b"\xef\xbb\xbf" + json.dumps(asked()).encode(), 400, "invalid_json"),
    "UTF-16 without a mark": (json.dumps(asked()).encode("utf-16-le"), 400, "invalid_json"),
    "a list": (b"[]", 400, None),
    "a string": (b'"test-model"', 400, None),
    "null": (b"null", 400, None),
    "no model": (b'{"messages":[]}', 400, "missing_required_parameter"),
    "model is null": (b'{"model":null,"messages":[]}', 400, None),
    "model is a number": (b'{"model":7,"messages":[]}', 400, None),
    "model is empty": (b'{"model":"","messages":[]}', 400, None),
    "model has control bytes": (b'{"model":"test\\u0000model","messages":[]}', 400, None),
    "model is half a character": (b'{"model":"\\ud800","messages":[]}', 400, None),
    "model is a list": (b'{"model":["test-model"],"messages":[]}', 400, None),
    "model ends in a line feed": (b'{"model":"test-model\\n","messages":[]}', 400, None),
    "model is too long": (json.dumps(asked("m" * 257)).encode(), 400, None),
    "unknown model": (json.dumps(asked("nobody-serves-this")).encode(), 404, "model_not_found"),
    "unknown backend before the slash": (json.dumps(asked("nobody/test-model")).encode(), 404, "model_not_found"),
}


async def post(router: Router, body: bytes, **headers: str) -> Received:
    async with client_of(router.url) as client:
        return await ask(client, body, {name.replace("_", "-"): value for name, value in headers.items()})


def assert_is_error(received: Received, status: int, code: str | None = None) -> None:
    assert received.status == status
    assert received.headers["content-type"].startswith("application/json")
    assert received.headers["server"] == "continuum"
    assert received.headers["x-request-id"]
    assert received.json.keys() == {"error"}
    assert received.error.keys() == {"message", "type", "param", "code"}
    assert received.error["message"]
    assert isinstance(received.error["type"], str)
    if code:
        assert received.error["code"] == code


@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_body_is_refused(router: Router, name: str) -> None:
    body, status, code = BODIES[name]
    assert_is_error(await post(router, body), status, code)


async def test_a_model_fault_names_the_parameter(router: Router) -> None:
    assert (await post(router, b'{"messages":[]}')).error["param"] == "model"
    assert (await post(router, json.dumps(asked("nobody-serves-this")).encode())).error["param"] == "model"


async def test_a_refusal_does_not_repeat_what_it_refuses(router: Router) -> None:
    received = await post(router, b'{"model":"test-model","planted-4711":')
    assert b"planted-4711" not in received.raw


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_another_content_type_is_refused(router: Router, kind: str) -> None:
    assert_is_error(await post(router, json.dumps(asked()).encode(), content_type=kind), 415)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON"])
async def test_json_by_another_spelling_is_read(router: Router, kind: str) -> None:
    assert (await post(router, json.dumps(asked()).encode(), content_type=kind)).is_whole()


async def test_an_encoded_body_is_refused(router: Router) -> None:
    body = gzip.compress(json.dumps(asked()).encode())
    assert_is_error(await post(router, body, content_encoding="gzip"), 415)


async def test_a_body_over_the_limit_is_refused(router: Router) -> None:
    at_limit = json.dumps(asked(user="")).encode()
    padding = MAX_BODY_BYTES - len(at_limit)
    assert (await post(router, json.dumps(asked(user="x" * padding)).encode())).is_whole()
    assert_is_error(await post(router, json.dumps(asked(user="x" * (padding + 1))).encode()), 413)


async def test_a_declared_body_is_refused_before_it_is_read(router: Router) -> None:
    head = f"{HEAD}content-length: 99999999\r\n\r\n"
    assert (await _exchange(router, head.encode())).startswith(b"HTTP/1.1 413 ")


async def test_an_expecting_client_is_told_before_it_sends(router: Router) -> None:
    head = f"{HEAD}content-length: 99999999\r\nexpect: 100-continue\r\n\r\n"
    assert (await _exchange(router, head.encode())).startswith(b"HTTP/1.1 413 ")


async def test_an_undeclared_body_is_cut_at_the_limit(router: Router) -> None:
    head = f"{HEAD}transfer-encoding: chunked\r\n\r\n"
    piece = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    assert (await _exchange(router, head.encode() + piece * 3)).startswith(b"HTTP/1.1 413 ")


async def _exchange(router: Router, request: bytes) -> bytes:
    """Send bytes and take what comes first; nothing more is sent."""
    stream = await trio.open_tcp_stream("127.0.0.1", int(router.url.rpartition(":")[2]))
    async with stream:
        await stream.send_all(request)
        with trio.fail_after(PATIENCE_S):
            return bytes(await stream.receive_some(2**16))


# method, path, status
ELSEWHERE = [
    ("GET", "/nowhere", 404),
    ("POST", "/v1/nowhere", 404),
    ("POST", f"{CHAT}/", 404),
    ("GET", "/v1/models/", 404),
    ("GET", f"/{CHAT}", 404),
    ("GET", CHAT, 405),
    ("PUT", CHAT, 405),
    ("DELETE", "/v1/models", 405),
    ("POST", "/health", 405),
    ("POST", "/", 405),
]


@pytest.mark.parametrize(("method", "path", "status"), ELSEWHERE)
async def test_paths_and_verbs_that_are_not_there(router: Router, method: str, path: str, status: int) -> None:
    async with client_of(router.url) as client:
        response = await client.request(method, router.url + path)
    assert_is_error(Received(response.status_code, response.headers, response.content), status)
    if status == 405:
        assert response.headers["allow"]


# path, what its JSON holds
OPEN: dict[str, dict[str, Any]] = {
    "/": {"name": str, "version": str, "docs": str},
    "/health": {"status": "ok", "version": str},
    "/v1/models": {"object": "list", "data": list},
    "/v1/models?beta=true": {"object": "list", "data": list},
}


@pytest.mark.parametrize("path", OPEN)
async def test_open_paths_answer(router: Router, path: str) -> None:
    async with client_of(router.url) as client:
        response = await client.get(path)
        head = await client.head(path)
    assert response.status_code == head.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == response.headers["content-type"]
    assert response.headers["server"] == head.headers["server"] == "continuum"
    assert response.headers["x-request-id"] != head.headers["x-request-id"]
    body = response.json()
    assert body.keys() == OPEN[path].keys()
    for key, expected in OPEN[path].items():
        assert isinstance(body[key], expected) if isinstance(expected, type) else body[key] == expected


async def test_models_are_listed_once_each_in_openai_form(router: Router) -> None:
    async with client_of(router.url) as client:
        data = (await client.get("/v1/models")).json()["data"]
    assert all(model["object"] == "model" and isinstance(model["created"], int) for model in data)
    assert all(isinstance(model["owned_by"], str) for model in data)
    names = [model["id"] for model in data]
    assert len(names) == len(set(names))
    assert {"test-model", "renamed-model", "alone/gzip"} <= set(names)


@pytest.mark.parametrize("backends", ["none", "disabled"])
async def test_without_backends(tmp_path: Path, backends: str) -> None:
    disabled = {"name": "off", "url": "http://127.0.0.1:9", "models": ["test-model"], "enabled": False}
    configuration = config(*([disabled] if backends == "disabled" else []))
    async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
        for model in ("test-model", "unknown"):
            received = await ask(client, asked(model))
            assert_is_error(received, 503, "no_backend")
            assert received.error["message"] == "No backends available"
        assert (await client.get("/v1/models")).json() == {"object": "list", "data": []}
        assert (await client.get("/health")).status_code == 200
