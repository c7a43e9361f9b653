"""A client that the host program brings: its connections, our deadlines, and nothing else of it."""

import ssl
from pathlib import Path

import httpx
import pytest
import trio
from certificates import authority, certificate
from chat import MODEL, TEXT, asked
from embedded import configured, open_router
from serving import backend

from continuum import ContinuumRouter, RouterBuilder
from continuum.config import BackendConfig, store_of
from continuum.errors import AttemptsExhausted, AttemptsTimedOut
from continuum.testing.upstream import Completion, Hang, HeadThen, Pause, Plain, Raw, Stream, open_upstream

ONCE = {"retry": {"max_attempts": 1}, "circuit_breaker": {"enabled": False}}


class Counting(httpx.AsyncHTTPTransport):
    """Counts what it carries."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return await super().handle_async_request(request)


async def test_its_tls_counts() -> None:
    """The backend is a router of ours behind TLS, which only this client trusts."""
    async with open_upstream() as upstream, trio.open_nursery() as nursery:
        secure = await ContinuumRouter.from_config(configured(upstream.url, server={"tls": certificate()})).build()
        (url,) = await nursery.start(secure.serve, "127.0.0.1:0")
        async with open_router(configured(url, **ONCE)) as router:
            with pytest.raises(AttemptsExhausted):
                await router.chat(asked())
        trusting = ssl.create_default_context(cafile=authority())
        async with (
            httpx.AsyncClient(verify=trusting) as client,
            open_router(configured(url), lambda builder: builder.with_http_client(client)) as router,
        ):
            assert (await router.chat(asked())).text == TEXT
        await secure.shutdown()


async def test_it_carries_calls_and_probes_and_stays_its_owners() -> None:
    transport = Counting()
    async with open_upstream() as upstream, httpx.AsyncClient(transport=transport) as client:
        config = configured(upstream.url, health_checks={"enabled": True})
        async with open_router(config, lambda builder: builder.with_http_client(client)) as router:
            assert (await router.chat(asked())).text == TEXT
            async with router.stream(asked()) as stream:
                assert [event async for event in stream]
            await upstream.next_look()
        assert {request.method for request in transport.requests} == {"GET", "POST"}
        assert not client.is_closed
        assert (await client.get(f"{upstream.url}/v1/models")).status_code == 200


async def test_what_else_it_was_told_does_not_count() -> None:
    async with (
        open_upstream() as upstream,
        httpx.AsyncClient(
            base_url="http://elsewhere.invalid",
            headers={"x-mine": "1", "authorization": "Bearer sk-the-hosts-own"},
            cookies={"session": "the-hosts-own"},
            auth=("user", "password"),
            timeout=0.05,
            follow_redirects=True,
        ) as client,
        open_router(configured(upstream.url, **ONCE), lambda builder: builder.with_http_client(client)) as router,
    ):
        upstream.push(Plain(b"", 302, (("location", f"{upstream.url}/v1/chat/completions"),)))
        with pytest.raises(AttemptsExhausted):
            await router.chat(asked())
        upstream.push(Completion(before=(Pause(0.3),)))
        assert (await router.chat(asked())).text == TEXT
        headers = dict(upstream.calls[-1].headers)
    assert headers["authorization"].startswith("Bearer sk-planted-backend-key")
    assert not {"x-mine", "cookie"} & set(headers)


@pytest.mark.parametrize("answer", [Raw((Hang(),)), HeadThen((Hang(),))])
async def test_our_deadlines_hold(answer: Raw | HeadThen) -> None:
    timeouts = {"request": {"standard": {"first_byte": "200ms", "total": "400ms"}}}
    async with (
        open_upstream(answer) as upstream,
        httpx.AsyncClient(timeout=60) as client,
        open_router(
            configured(upstream.url, **ONCE, timeouts=timeouts), lambda builder: builder.with_http_client(client)
        ) as router,
    ):
        with pytest.raises(AttemptsTimedOut):
            await router.chat(asked())
        for call in upstream.calls:  # none, where the machine was too slow to send it in time
            await call.aborted()


@pytest.mark.filterwarnings("ignore:Async generator 'http:ResourceWarning")  # httpx's own, left early
async def test_leaving_early_closes_the_upstream() -> None:
    async with (
        open_upstream(Stream(("one", Hang()))) as upstream,
        httpx.AsyncClient() as client,
        open_router(configured(upstream.url), lambda builder: builder.with_http_client(client)) as router,
    ):
        async with router.stream(asked()) as stream:
            await anext(stream)
        await (await upstream.next_call()).aborted()


async def test_a_closed_client_is_told() -> None:
    async with open_upstream() as upstream:
        client = httpx.AsyncClient()
        await client.aclose()
        async with open_router(
            configured(upstream.url, **ONCE), lambda builder: builder.with_http_client(client)
        ) as router:
            with pytest.raises(AttemptsExhausted, match="closed"):
                await router.chat(asked())


async def test_a_backend_that_comes_later_is_reached_with_it_too(caplog: pytest.LogCaptureFixture) -> None:
    transport = Counting()
    async with open_upstream() as one, open_upstream() as two, httpx.AsyncClient(transport=transport) as client:
        store = store_of(configured(one.url))

        def say(builder: RouterBuilder) -> RouterBuilder:
            return builder.with_http_client(client).with_config_store(store)

        async with open_router(await store.get_config(), say) as router:
            config = await store.get_config()
            config.backends = [BackendConfig(name="later", url=two.url, models=["another"], http2=True)]
            await store.set_config(config)
            assert (await router.chat(asked("another"))).text == TEXT
        assert {request.url.port for request in transport.requests} == {two.port}
    assert "backend later: http2 has no effect" in caplog.text


async def test_a_unix_socket_is_reached_without_it(tmp_path: Path) -> None:
    transport = Counting()
    path = tmp_path / "backend.sock"
    async with open_upstream() as upstream, trio.open_nursery() as nursery:
        behind = await ContinuumRouter.from_config(configured(upstream.url)).build()
        await nursery.start(behind.serve, f"unix:{path}")
        entry = backend(f"http+unix://{path}", models=[MODEL])
        config = configured(upstream.url, backends=[entry])
        async with (
            httpx.AsyncClient(transport=transport) as client,
            open_router(config, lambda builder: builder.with_http_client(client)) as router,
        ):
            assert (await router.chat(asked())).text == TEXT
        assert transport.requests == []
        await behind.shutdown()
