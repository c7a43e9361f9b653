"""What pages of other origins may do, as their browsers see it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from chat import CHAT, asked, client_of
from serving import backend, config, open_router

from continuum.testing.upstream import open_upstream

ORIGIN = "https://app.example.com"
STRANGER = "https://evil.example"
KEY = "sk-client-cors-1"
ASKED = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-stainless-os",
}
BLOCKING = {"mode": "blocking", "api_keys": [{"key": KEY}]}


@asynccontextmanager
async def rig(home: Path, cors: dict[str, Any]) -> AsyncGenerator[httpx.AsyncClient]:
    async with open_upstream() as upstream:
        configuration = config(backend(upstream.url), cors=cors, api_keys=BLOCKING)
        async with open_router(home, configuration) as router, client_of(router.url) as client:
            yield client


def granted(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


async def test_without_the_section_nobody_is_granted_anything(tmp_path: Path) -> None:
    async with rig(tmp_path, {}) as client:
        preflight = await client.options(CHAT, headers={"origin": ORIGIN, **ASKED})
        answer = await client.get("/health", headers={"origin": ORIGIN})
    assert preflight.status_code == 401
    assert granted(preflight) == granted(answer) == {}
    assert "vary" not in answer.headers


async def test_a_listed_origin(tmp_path: Path) -> None:
    async with rig(tmp_path, {"allow_origins": [ORIGIN], "max_age": "5m"}) as client:
        headers = {"origin": ORIGIN, "authorization": f"Bearer {KEY}"}
        preflight = await client.options(CHAT, headers={"origin": ORIGIN, **ASKED})
        plain = await client.post(CHAT, json=asked(), headers=headers)
        stream = await client.post(CHAT, json=asked(stream=True), headers=headers)
        refused = await client.post(CHAT, json=asked(), headers={"origin": ORIGIN})
        page = await client.get("/v1/models", headers=headers)
    assert (preflight.status_code, preflight.content) == (204, b"")
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD, POST, DELETE"
    assert preflight.headers["access-control-allow-headers"] == ASKED["access-control-request-headers"]
    assert preflight.headers["access-control-max-age"] == "300"
    assert [answer.status_code for answer in (plain, stream, refused, page)] == [200, 200, 401, 200]
    for answer in (preflight, plain, stream, refused, page):
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "x-request-id" in answer.headers["access-control-expose-headers"]
        assert answer.headers["vary"] == "Origin"


async def test_another_origin(tmp_path: Path) -> None:
    async with rig(tmp_path, {"allow_origins": [ORIGIN]}) as client:
        for origin in (STRANGER, f"{ORIGIN}.evil.example", ORIGIN.upper(), "null"):
            preflight = await client.options(CHAT, headers={"origin": origin, **ASKED})
            answer = await client.get("/health", headers={"origin": origin})
            assert (preflight.status_code, answer.status_code) == (401, 200)
            assert granted(preflight) == granted(answer) == {}
            assert answer.headers["vary"] == "Origin", "a cache must not give one origin another's answer"


async def test_every_origin_gets_no_credentials(tmp_path: Path) -> None:
    async with rig(tmp_path, {"allow_origins": ["*", ORIGIN], "allow_headers": ["Authorization"]}) as client:
        preflight = await client.options(CHAT, headers={"origin": STRANGER, **ASKED})
        answer = await client.get("/health", headers={"origin": ORIGIN})
        same = await client.get("/health")
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "Authorization"
    for each in (preflight, answer):
        assert each.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in each.headers
    assert granted(same) == {}


async def test_administration_is_never_opened(tmp_path: Path) -> None:
    async with rig(tmp_path, {"allow_origins": ["*"]}) as client:
        for path in ("/admin", "/admin/config/full"):
            preflight = await client.options(path, headers={"origin": ORIGIN, **ASKED})
            answer = await client.get(path, headers={"origin": ORIGIN})
            assert preflight.status_code == answer.status_code == 403  # a foreign page, credentials or not
            assert granted(preflight) == granted(answer) == {}


async def test_options_that_are_no_preflight_are_a_request_like_any_other(tmp_path: Path) -> None:
    async with rig(tmp_path, {"allow_origins": ["*"]}) as client:
        assert (await client.options(CHAT, headers={"origin": ORIGIN})).status_code == 401
        answer = await client.options(CHAT, headers={"origin": ORIGIN, "authorization": f"Bearer {KEY}"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
