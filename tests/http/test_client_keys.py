"""Client keys through the real process: who gets in, what a key may do, and where a key never shows."""

import json
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import trio
from chat import CHAT, Received, ask, asked, client_of
from patience import PATIENCE_S
from serving import BACKEND_KEY, Router, backend, config, open_router, start

from continuum.testing.upstream import Upstream, open_upstream

KEY = "sk-client-alpha-1111"
LIMITED = "sk-client-limited-2222"
READER = "sk-client-reader-3333"
WRITER = "sk-client-writer-4444"
DISABLED = "sk-client-disabled-5555"
EXPIRED = "sk-client-expired-6666"
FILED = "sk-client-filed-7777"
SECRETS = (KEY, LIMITED, READER, WRITER, DISABLED, EXPIRED, FILED)

ENTRIES: list[dict[str, Any]] = [
    {"key": KEY, "id": "alpha"},
    {"key": LIMITED, "id": "limited", "models": ["test-*"]},
    {"key": READER, "id": "reader", "scopes": ["read"]},
    {"key": WRITER, "id": "writer", "scopes": ["write"]},
    {"key": DISABLED, "id": "disabled", "enabled": False},
    {"key": EXPIRED, "id": "expired", "expires_at": "2020-01-01T00:00:00Z"},
]

FORMS: dict[str, tuple[str, str]] = {
    "bearer": ("authorization", "Bearer {}"),
    "bearer in another case": ("Authorization", "bEARER  {}"),
    "x-api-key": ("x-api-key", "{}"),
    "api-key": ("api-key", "{}"),
    "x-goog-api-key": ("x-goog-api-key", "{}"),
}


def sent(key: str, form: str = "bearer") -> dict[str, str]:
    name, value = FORMS[form]
    return {name: value.format(key)}


@asynccontextmanager
async def rig(home: Path, mode: str) -> AsyncGenerator[tuple[Upstream, Router, httpx.AsyncClient]]:
    file = home / "keys.yaml"
    file.write_text(f"- key: {FILED}\n  id: filed\n")
    file.chmod(0o600)
    section = {"mode": mode, "api_keys": ENTRIES, "api_keys_file": str(file)}
    routing = {"aliases": {"nickname": "other/model", "test-nickname": "other/model", "short": "test-model"}}
    async with open_upstream() as upstream:
        entry = backend(upstream.url, models=["test-model", "other/model"])
        configuration = config(entry, api_keys=section, routing=routing, logging={"level": "trace"})
        async with open_router(home, configuration) as router, client_of(router.url) as client:
            yield upstream, router, client
            assert "Traceback" not in router.stderr
    for secret in SECRETS:
        assert secret not in router.stderr
        assert secret not in router.stdout


def code(received: Received) -> tuple[int, object]:
    return received.status, None if received.status == 200 else received.error["code"]


@pytest.mark.parametrize("mode", ["blocking", "permissive"])
async def test_each_header_form_in_each_mode(tmp_path: Path, mode: str) -> None:
    async with rig(tmp_path, mode) as (upstream, router, client):
        for form in FORMS:
            assert code(await ask(client, asked(), sent(KEY, form))) == (200, None)
            assert code(await ask(client, asked(stream=True), sent(FILED, form))) == (200, None)
        for call in upstream.calls:
            assert call.header("authorization") == f"Bearer {BACKEND_KEY}"
            assert not any(secret in str(call.headers) for secret in SECRETS)
        with trio.fail_after(PATIENCE_S):
            while len(logged := re.findall(r"key=(\S+) ", router.stderr)) < 2 * len(FORMS):
                await trio.lowlevel.checkpoint()
    assert logged == ["alpha", "filed"] * len(FORMS)


NOT_KEYS: dict[str, Mapping[str, str]] = {
    "nothing": {},
    "an unknown one": sent("sk-nobody-knows"),
    "a near miss": sent(KEY[:-1]),
    "one too long": sent(KEY + "1"),
    "in another case": sent(KEY.upper()),
    "disabled": sent(DISABLED),
    "expired": sent(EXPIRED),
    "Basic": {"authorization": f"Basic {KEY}"},
    "no scheme": {"authorization": KEY},
    "empty": {"authorization": "Bearer", "x-api-key": ""},
    "a cookie": {"cookie": f"api_key={KEY}"},
    "the first form counts": {"authorization": "Bearer sk-nobody-knows", "x-api-key": KEY},
    "not ASCII": {"x-api-key": "cl\u00e9"},
}


async def test_blocking_refuses_every_other_caller_in_the_same_words(tmp_path: Path) -> None:
    async with rig(tmp_path, "blocking") as (upstream, _, client):
        bodies: set[bytes] = set()
        for headers in NOT_KEYS.values():
            encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            for method, path in (("POST", CHAT), ("GET", "/v1/models"), ("GET", "/nowhere"), ("OPTIONS", CHAT)):
                answer = await client.request(method, path, headers=encoded)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
                bodies.add(answer.content)
        head = await client.head("/v1/models")
        in_query = await client.get("/v1/models", params={"api_key": KEY, "key": KEY})
        for path in ("/", "/health", "/healthz", "/ready"):
            assert (await client.get(path)).status_code == 200
    assert (head.status_code, in_query.status_code) == (401, 401)
    (body,) = bodies
    assert json.loads(body)["error"]["code"] == "invalid_api_key"
    assert json.loads(body)["error"]["type"] == "authentication_error"
    assert upstream.calls == []


async def test_a_refused_caller_is_answered_before_its_body_is_read(tmp_path: Path) -> None:
    async with rig(tmp_path, "blocking") as (_, router, _client):
        stream = await trio.open_tcp_stream("127.0.0.1", int(router.url.rpartition(":")[2]))
        async with stream:
            await stream.send_all(f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\n".encode())
            with trio.fail_after(PATIENCE_S):
                assert (await stream.receive_some(2**16)).startswith(b"HTTP/1.1 401 ")


async def test_permissive_lets_strangers_in_and_keeps_who_is_out_of_use_out(tmp_path: Path) -> None:
    async with rig(tmp_path, "permissive") as (_, router, client):
        for why, headers in NOT_KEYS.items():
            if why == "not ASCII":
                continue  # httpx will not send it as text
            expected = (401, "invalid_api_key") if why in {"disabled", "expired"} else (200, None)
            assert code(await ask(client, asked("other/model"), headers)) == expected, why
        assert "key=" not in router.stderr


async def test_a_key_reaches_its_models_only(tmp_path: Path) -> None:
    """By whatever name: an alias, or with the backend in front."""
    async with rig(tmp_path, "blocking") as (upstream, _, client):
        for model in ("test-model", "short", "alpha/test-model"):
            assert code(await ask(client, asked(model), sent(LIMITED))) == (200, None)
        before = len(upstream.calls)
        for model in ("other/model", "nickname", "test-nickname", "alpha/other/model"):
            received = await ask(client, asked(model), sent(LIMITED))
            assert code(received) == (403, "permission_denied")
            assert received.error["param"] == "model"
        assert code(await ask(client, asked("unknown"), sent(LIMITED))) == (404, "model_not_found")
        assert len(upstream.calls) == before
        for first in (b'"model"', b'"mod\\u0065l"'):
            raw = b'{"messages": [], %b: "other/model", "model": "test-model"}' % first
            assert code(await ask(client, raw, sent(LIMITED))) == (200, None)
            assert b"other" not in upstream.calls[-1].body, "a backend that takes the first is not asked for another"


async def test_models_are_shown_to_who_may_use_them(tmp_path: Path) -> None:
    async with rig(tmp_path, "blocking") as (_, _router, client):
        shown = {
            key: [model["id"] for model in (await client.get("/v1/models", headers=sent(key))).json()["data"]]
            for key in (KEY, LIMITED)
        }
        assert (await client.get("/v1/models/short", headers=sent(LIMITED))).json()["id"] == "short"
        for model in ("other/model", "nickname", "test-nickname", "unknown"):
            answer = await client.get(f"/v1/models/{model}", headers=sent(LIMITED))
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert shown[KEY] == ["test-model", "other/model", "nickname", "test-nickname", "short"]
    assert shown[LIMITED] == ["test-model", "short"]


async def test_scopes(tmp_path: Path) -> None:
    async with rig(tmp_path, "permissive") as (_, _router, client):
        listed = {key: (await client.get("/v1/models", headers=sent(key))).status_code for key in (KEY, READER, WRITER)}
        called = {key: code(await ask(client, asked(), sent(key))) for key in (KEY, READER, WRITER)}
    assert listed == {KEY: 200, READER: 200, WRITER: 403}
    assert called == {KEY: (200, None), READER: (403, "permission_denied"), WRITER: (200, None)}


async def test_openai_python_sees_its_own_exceptions(tmp_path: Path) -> None:
    async with (
        rig(tmp_path, "blocking") as (_, router, _client),
        openai.DefaultAsyncHttpxClient(trust_env=False) as http,
    ):

        def client(key: str) -> openai.AsyncOpenAI:
            return openai.AsyncOpenAI(base_url=f"{router.url}/v1", api_key=key, max_retries=0, http_client=http)

        with pytest.raises(openai.AuthenticationError):
            await client(EXPIRED).models.list()
        with pytest.raises(openai.PermissionDeniedError):
            await client(LIMITED).embeddings.create(model="other/model", input="x")
        assert (await client(KEY).embeddings.create(model="other/model", input="x")).data


@pytest.mark.parametrize("fault", ["open to others", "broken"])
def test_a_key_file_that_cannot_be_used_stops_the_start(tmp_path: Path, fault: str) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(f"- key: {KEY}\n" + ("  what: 1\n" if fault == "broken" else ""))
    file.chmod(0o644 if fault == "open to others" else 0o600)
    with start(tmp_path, config(api_keys={"api_keys_file": str(file)})) as process:
        assert process.wait(30) == 2
    (line,) = process.stderr.splitlines()
    assert line.startswith("continuum: ")
    assert "keys.yaml" in line
    assert KEY not in line
