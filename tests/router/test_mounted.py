"""A router mounted in hosts that trio runs, driven by openai-python: everything is below the prefix, the host's own
routes are its own.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
from chat import asked
from embedded import configured, open_router
from hosts import PREFIX, TRIO_HOSTS, served_on_trio, starlette_host
from sdk import converse, leave

from continuum import Config, ContinuumRouter
from continuum.errors import ShuttingDown
from continuum.testing.upstream import Hang, Stream, Upstream, Wait, open_upstream

pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'http:ResourceWarning")  # httpx's own, left early


@asynccontextmanager
async def mounted(host: str, upstream: Upstream, **sections: Any) -> AsyncGenerator[tuple[ContinuumRouter, str]]:
    """The router, and the URL of the host it is mounted in."""
    async with (
        open_router(configured(upstream.url, **sections)) as router,
        served_on_trio(TRIO_HOSTS[host](router.asgi())) as url,
    ):
        yield router, url


@pytest.mark.parametrize("host", TRIO_HOSTS)
async def test_plain_stream_and_models(host: str) -> None:
    async with open_upstream() as upstream, mounted(host, upstream) as (_, url):
        await trio.to_thread.run_sync(converse, f"{url}{PREFIX}/v1")


@pytest.mark.parametrize("host", ["starlette", "quart-trio"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_takes_its_upstream_along(host: str, *, stream: bool) -> None:
    async with open_upstream(Stream(("one", Hang()))) as upstream, mounted(host, upstream) as (_, url):
        await leave(f"{url}{PREFIX}/v1", upstream, stream=stream)


@pytest.mark.parametrize("host", TRIO_HOSTS)
async def test_admin_and_pages_move_along(host: str) -> None:
    async with open_upstream() as upstream, mounted(host, upstream) as (router, url):
        headers = {"authorization": f"Bearer {router.admin_token}"}
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            listed = await client.get(f"{PREFIX}/admin/backends", headers=headers)
            assert [each["name"] for each in listed.raise_for_status().json()["backends"]] == ["alpha"]
            change = {"config": {"max_attempts": 2}}
            answer = await client.patch(f"{PREFIX}/admin/config/retry", headers=headers, json=change)
            assert answer.raise_for_status().json()["version"] == 2
            assert router.state().current_config().retry.max_attempts == 2
            for path, status in {
                "/admin/backends": 401,
                "/admin/backends/none%2Fsuch": 401,
                "/health": 200,
                "/": 200,
                "": 200,
                "/nothing": 404,
            }.items():
                assert (await client.get(f"{PREFIX}{path}", follow_redirects=True)).status_code == status, path
            described = (await client.get(f"{PREFIX}/openapi.json")).json()
            assert described["servers"] == [{"url": PREFIX}]
            if host != "bare":
                assert (await client.get("/health")).json() == {"host": host.partition("-")[0]}
                assert (await client.get("/v1/models")).status_code == 404
                assert (await client.get(f"{PREFIX}{PREFIX}/v1/models")).status_code == 404
                assert (await client.get("/admin/backends", headers=headers)).status_code == 404


async def test_foreign_names_of_a_loopback_host_are_refused() -> None:
    """As when served standalone: a page of elsewhere must not reach it by a name that leads here."""
    async with open_upstream() as upstream:
        for sections, status in (({}, 403), ({"server": {"allowed_hosts": ["llm.example"]}}, 200)):
            async with mounted("starlette", upstream, **sections) as (_, url):
                async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
                    answer = await client.get(f"{PREFIX}/v1/models", headers={"host": "llm.example"})
                assert answer.status_code == status
        async with open_router(configured(upstream.url)) as router:
            public = _as_if_public(starlette_host(router.asgi()))
            async with served_on_trio(public) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
                answer = await client.get(f"{PREFIX}/v1/models", headers={"host": "llm.example"})
            assert answer.status_code == 200, "whom a host serves beyond this machine, it says itself"


def _as_if_public(app: Any) -> Any:
    async def host(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "server": ("192.0.2.1", 80)}, receive, send)

    return host


async def test_a_router_that_does_not_run_says_so() -> None:
    async with open_upstream() as upstream:
        router = await ContinuumRouter.from_config(configured(upstream.url)).build()
        async with (
            served_on_trio(starlette_host(router.asgi())) as url,
            httpx.AsyncClient(base_url=url, trust_env=False) as client,
        ):
            codes: list[str] = []

            async def ask() -> None:
                answer = await client.post(f"{PREFIX}/v1/chat/completions", json=asked())
                codes.append("ok" if answer.status_code == 200 else answer.json()["error"]["code"])

            await ask()
            async with router:
                await ask()
            await ask()
    assert codes == ["not_running", "ok", "shutting_down"]


async def test_leaving_tells_the_streams_that_are_open() -> None:
    async with open_upstream(Stream(("one", Wait(trio.Event())))) as upstream:
        router = await ContinuumRouter.from_config(configured(upstream.url)).build()
        async with (
            router,
            served_on_trio(starlette_host(router.asgi())) as url,
            httpx.AsyncClient(base_url=url, trust_env=False) as client,
            client.stream("POST", f"{PREFIX}/v1/chat/completions", json=asked(stream=True)) as answer,
        ):
            pieces = answer.aiter_text()
            await anext(pieces)
            await router.shutdown()
            rest = "".join([piece async for piece in pieces])
    assert ShuttingDown.code in rest
    assert "[DONE]" not in rest


async def test_a_server_that_has_it_to_itself_starts_and_stops_it() -> None:
    async with open_upstream() as upstream:
        router = await ContinuumRouter.from_config(configured(upstream.url)).build()
        async with served_on_trio(router.asgi()) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
            answer = await client.post("/v1/chat/completions", json=asked())
            assert answer.status_code == 200
        with pytest.raises(ShuttingDown):
            await router.chat(asked())


def test_asyncio_is_told_what_to_use() -> None:
    async def build() -> ContinuumRouter:
        return await ContinuumRouter.from_config(Config()).build()

    router = trio.run(build)
    with pytest.raises(RuntimeError, match="build_asyncio_app"):
        asyncio.run(router.asgi()({"type": "http"}, None, None))
    with pytest.raises(RuntimeError, match="build_asyncio_app"):
        asyncio.run(build())
