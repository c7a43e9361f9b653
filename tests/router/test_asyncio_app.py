"""A router in hosts that asyncio runs: uvicorn with the router alone, and FastAPI with the router below a prefix."""

import asyncio
import json
import random
import threading
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from traceback import walk_tb
from typing import Any

import fastapi
import httpx
import pytest
import trio
from chat import MODEL, TEXT, asked
from child import Child
from embedded import ENDINGS, configured, settled
from hosts import PREFIX, OnUvicorn, served_on_asyncio
from patience import PATIENCE_S
from sdk import converse, leave

from continuum import Config, ConfigError, ContinuumRouter
from continuum.errors import ConfigProblem
from continuum.router import AsyncioApp
from continuum.router.portal import App
from continuum.testing.upstream import Hang, Raw, Send, Stream, Upstream, open_upstream

pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'http:ResourceWarning")  # httpx's own, left early


def app_of(config: Config) -> AsyncioApp:
    return ContinuumRouter.from_config(config).build_asyncio_app()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "continuum"]


def fastapi_host(app: AsyncioApp, *, entered: bool) -> fastapi.FastAPI:
    """entered: whether the host's lifespan starts and stops the router; else the first request starts it."""

    @asynccontextmanager
    async def lifespan(_: fastapi.FastAPI) -> AsyncGenerator[None]:
        if not entered:
            yield
            return
        async with app:
            yield

    host = fastapi.FastAPI(lifespan=lifespan)

    @host.get("/health")
    async def health() -> dict[str, str]:
        return {"host": "fastapi"}

    host.mount(PREFIX, app)
    return host


@pytest.mark.parametrize("entered", [True, False])
async def test_below_a_prefix_of_fastapi(*, entered: bool) -> None:
    async with open_upstream() as upstream:
        app = app_of(configured(upstream.url))
        async with served_on_asyncio(fastapi_host(app, entered=entered)) as host:
            assert len(threads()) == entered
            await trio.to_thread.run_sync(converse, f"{host.url}{PREFIX}/v1")
            async with httpx.AsyncClient(base_url=host.url, trust_env=False) as client:
                assert (await client.get("/health")).json() == {"host": "fastapi"}
                assert (await client.get("/v1/models")).status_code == 404
                assert (await client.get(f"{PREFIX}/admin/backends")).status_code == 401
            assert len(threads()) == 1
        assert len(threads()) == (not entered)
        await trio.to_thread.run_sync(asyncio.run, app.shutdown())
    assert threads() == []


async def test_alone_on_uvicorn() -> None:
    async with open_upstream() as upstream:
        app = app_of(configured(upstream.url))
        for _ in range(2):  # it can be started again
            async with served_on_asyncio(app) as host:
                await trio.to_thread.run_sync(converse, f"{host.url}/v1")
            assert threads() == []


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_takes_its_upstream_along(*, stream: bool) -> None:
    async with (
        open_upstream(Stream(("one", Hang()))) as upstream,
        served_on_asyncio(fastapi_host(app_of(configured(upstream.url)), entered=True)) as host,
    ):
        await leave(f"{host.url}{PREFIX}/v1", upstream, stream=stream)


@asynccontextmanager
async def served(upstream: Upstream, **sections: Any) -> AsyncGenerator[OnUvicorn]:
    async with served_on_asyncio(app_of(configured(upstream.url, **sections))) as host:
        yield host


async def test_many_at_once_and_large_bodies() -> None:
    async with open_upstream() as upstream, served(upstream) as host:
        large = "x" * 300_000

        async def ask(number: int) -> None:
            body = asked(stream=bool(number % 2), user=large)
            async with httpx.AsyncClient(base_url=host.url, trust_env=False, timeout=60) as client:
                answer = await client.post("/v1/chat/completions", json=body)
            texts.append(answer.text)

        texts: list[str] = []
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(ask, number)
        assert len(texts) == 20
        assert all("made" in text for text in texts)
        assert all(call.json["user"] == large for call in upstream.calls)


async def test_clients_that_leave_at_any_time_leave_nothing_behind() -> None:
    rolled = random.Random(7)  # noqa: S311 - guards nothing

    async def leave(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            with trio.move_on_after(rolled.choice([0.005, 0.03, 0.1])), suppress(httpx.HTTPError):
                await client.post("/v1/chat/completions", json=asked(stream=rolled.random() < 0.7))

    async with open_upstream(lambda _: rolled.choice(ENDINGS)) as upstream, served(upstream) as host:
        for _ in range(3):
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(leave, host.url)
        async with httpx.AsyncClient(base_url=host.url, trust_env=False) as client:
            await settled(client)


async def test_a_client_that_does_not_read_holds_the_upstream_back() -> None:
    """Nothing piles up between the loops: what was taken from the upstream stays far below what it would send."""
    taken = 0

    def endless() -> Raw:
        def steps() -> Any:
            nonlocal taken
            yield Send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
            delta = {"index": 0, "delta": {"content": "x" * 60_000}, "finish_reason": None}
            event = b"data: " + json.dumps({**chunk, "choices": [delta]}).encode() + b"\n\n"
            while True:
                yield Send(event)
                taken += len(event)

        return Raw(steps())

    async with open_upstream(endless()) as upstream, served(upstream) as host:
        async with (
            httpx.AsyncClient(base_url=host.url, trust_env=False, timeout=60) as client,
            client.stream("POST", "/v1/chat/completions", json=asked(stream=True)) as answer,
        ):
            pieces = answer.aiter_bytes()
            await anext(pieces)
            still, before = 0, -1
            with trio.fail_after(PATIENCE_S):
                while still < 5:  # nothing moves any more
                    still, before = (still + 1 if taken == before else 0), taken
                    await trio.sleep(0.1)
            assert taken < 32 * 1024 * 1024
            for _ in range(200):
                await anext(pieces)
            assert taken >= before
        await (await upstream.next_call()).aborted()


def test_a_start_that_failed_is_told_to_each_request_and_keeps_nothing_of_any() -> None:
    fault = ConfigError([ConfigProblem("is required", "backends")])

    def failing() -> AbstractAsyncContextManager[App]:
        raise fault

    async def ask(app: AsyncioApp) -> int:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            await asyncio.sleep(0)
            sent.append(message)

        await app({"type": "http"}, None, send)
        return int(sent[0]["status"])

    async def asked() -> None:
        app = AsyncioApp(failing)
        depths: list[int] = []
        for _ in range(20):
            assert await ask(app) == 500
            depths.append(len(list(walk_tb(fault.__traceback__))))
        assert depths[-1] <= depths[0], depths
        await app.shutdown()

    asyncio.run(asked())


async def test_what_is_wrong_is_told_at_the_start() -> None:
    config = Config()
    config.retry.max_attempts = 0

    async def enter() -> None:
        async with app_of(config):
            pass

    with pytest.raises(ConfigError, match=r"retry\.max_attempts"):
        await trio.to_thread.run_sync(lambda: asyncio.run(enter()))
    host = fastapi_host(app_of(config), entered=False)
    async with served_on_asyncio(host) as running, httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        for _ in range(2):
            answer = await client.get(f"{PREFIX}/v1/models")
            assert answer.status_code == 500
            assert "could not start" in answer.json()["error"]["message"]
    messages: list[Any] = []

    async def lifespan() -> None:
        async def receive() -> dict[str, str]:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            messages.append(message)

        await app_of(config)({"type": "lifespan"}, receive, send)

    await trio.to_thread.run_sync(lambda: asyncio.run(lifespan()))
    (failed,) = messages
    assert failed["type"] == "lifespan.startup.failed"
    assert "retry.max_attempts" in failed["message"]


class Crashing:
    """An application of trio that ends when it is asked for /crash, in a way that takes its loop along."""

    def __init__(self) -> None:
        self.crash = trio.Event()
        self.waiting = threading.Event()

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[Any]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._wait)
            yield self._answer
            nursery.cancel_scope.cancel()

    async def _wait(self) -> None:
        await self.crash.wait()
        raise LookupError("planted")

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        del receive
        if scope["path"] == "/begun":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        if scope["path"] == "/wait":
            self.waiting.set()
        else:
            self.crash.set()
        await trio.sleep_forever()


async def test_a_crash_of_the_routers_thread_is_told(caplog: pytest.LogCaptureFixture) -> None:
    crashing = Crashing()
    async with served_on_asyncio(AsyncioApp(crashing.opened), lifespan="off") as host:
        async with (
            httpx.AsyncClient(base_url=host.url, trust_env=False, timeout=PATIENCE_S) as client,
            trio.open_nursery() as nursery,
        ):
            told: list[httpx.Response] = []

            async def ask(path: str) -> None:
                told.append(await client.get(path))

            nursery.start_soon(ask, "/wait")
            await trio.to_thread.run_sync(crashing.waiting.wait, 20)
            with pytest.raises(httpx.RemoteProtocolError):  # an answer that was begun is cut
                await client.get("/begun")
        await ask_again(host.url, told)
    assert [answer.status_code for answer in told] == [500, 500]
    for answer in told:
        assert "LookupError" in answer.json()["error"]["message"]
    assert "planted" in caplog.text
    assert threads() == []


async def ask_again(url: str, told: list[httpx.Response]) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        told.append(await client.get("/later"))


async def test_the_end_of_the_host_ends_what_is_open() -> None:
    async with open_upstream(Stream(("one", Hang()))) as upstream:
        async with (
            served(upstream) as host,
            httpx.AsyncClient(base_url=host.url, trust_env=False) as client,
            client.stream("POST", "/v1/chat/completions", json=asked(stream=True)) as answer,
        ):
            await anext(answer.aiter_bytes())
            await trio.to_thread.run_sync(host.stop)
        await (await upstream.next_call()).aborted()
    assert threads() == []


async def test_discovery_and_files_can_be_awaited_on_asyncio(tmp_path: Path) -> None:
    file = tmp_path / "continuum.json"
    async with open_upstream() as upstream:
        backend = {"name": "a", "type": "openai", "url": upstream.url, "models": [MODEL]}
        file.write_text(json.dumps({"backends": [backend], "health_checks": {"enabled": False}}))

        async def converse_on_asyncio() -> int:
            await ContinuumRouter.discover()
            builder = await ContinuumRouter.from_config_file(file)
            async with builder.build_asyncio_app() as app:
                transport = httpx.ASGITransport(app)
                async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                    answer = await client.post("/v1/chat/completions", json=asked())
                    assert answer.json()["choices"][0]["message"]["content"] == TEXT
                    return answer.status_code

        assert await trio.to_thread.run_sync(lambda: asyncio.run(converse_on_asyncio())) == 200


async def test_a_start_that_is_given_up_leaves_no_thread() -> None:
    begun, go_on = threading.Event(), threading.Event()

    @asynccontextmanager
    async def slow() -> AsyncGenerator[Any]:
        begun.set()
        await trio.to_thread.run_sync(go_on.wait)
        yield None

    async def give_up() -> None:
        app = AsyncioApp(slow)
        entering = asyncio.create_task(app.__aenter__())
        await asyncio.to_thread(begun.wait)
        entering.cancel()
        with suppress(asyncio.CancelledError):
            await entering
        go_on.set()

    await trio.to_thread.run_sync(lambda: asyncio.run(give_up()))
    with trio.fail_after(PATIENCE_S):
        while threads():  # noqa: ASYNC110 - threads have no events
            await trio.sleep(0.01)


FORGETFUL = """
import asyncio
from continuum import Config, ContinuumRouter

app = ContinuumRouter.from_config(Config()).build_asyncio_app()
asyncio.run(app.startup())
print("started")
"""


def test_a_host_that_forgets_to_stop_it_still_ends(tmp_path: Path) -> None:
    with Child(["-c", FORGETFUL], home=tmp_path) as child:
        child.wait_for_line("started", pipe="stdout")
        assert child.wait(20) == 0
    assert child.stderr == ""
