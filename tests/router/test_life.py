"""A router's life in a host program: built, entered, left, shut down from anywhere, served. Two share nothing."""

import logging
import os
import re
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest
import trio
from chat import MODEL, TEXT, asked
from embedded import QUIET, configured, open_router
from patience import PATIENCE_S
from serving import backend

from continuum import Config, ConfigError, ContinuumRouter
from continuum.config import from_mapping, store_of
from continuum.errors import NotRunning, ShuttingDown
from continuum.testing.upstream import Hang, Plain, Stream, Wait, open_upstream


async def test_faults_are_told_together_when_it_is_built(tmp_path: Path) -> None:
    config = Config()
    config.server.bind_address = "nowhere"
    config.retry.max_attempts = 0
    with pytest.raises(ConfigError) as caught:
        await ContinuumRouter.from_config(config).build()
    assert {each.key for each in caught.value.problems} == {"server.bind_address", "retry.max_attempts"}
    missing = {"ca_file": str(tmp_path / "missing.pem")}
    config = from_mapping(
        {
            "backends": [backend("https://one.invalid", name, tls=missing) for name in ("a", "b")],
            "api_keys": {"api_keys_file": str(tmp_path / "no-keys.yaml")},
        }
    )
    with pytest.raises(ConfigError) as caught:
        await ContinuumRouter.from_config(config).build()
    assert [each.key for each in caught.value.problems][:2] == ["backends.0.tls", "backends.1.tls"]
    assert len(caught.value.problems) == 3


async def test_before_and_after_nothing_is_answered() -> None:
    async with open_upstream() as upstream:
        router = await ContinuumRouter.from_config(configured(upstream.url)).build()
        with pytest.raises(NotRunning):
            await router.chat(asked())
        async with router:
            assert (await router.chat(asked())).text == TEXT
        with pytest.raises(ShuttingDown):
            await router.chat(asked())
        with pytest.raises(ShuttingDown):
            router.stream(asked())
        with pytest.raises(RuntimeError, match="build another"):
            async with router:
                pass
        with trio.fail_after(PATIENCE_S):
            while upstream.open_connections:
                await trio.lowlevel.checkpoint()


async def test_it_can_be_shut_down_at_any_time_from_anywhere() -> None:
    router = await ContinuumRouter.from_config(Config()).build()
    await router.shutdown()
    await router.shutdown()
    async with open_upstream() as upstream, open_router(configured(upstream.url)) as router:
        async with trio.open_nursery() as nursery:  # from other tasks, at once
            nursery.start_soon(router.shutdown)
            nursery.start_soon(router.shutdown)
        await router.shutdown()


async def test_a_shut_down_router_ends_its_calls_and_their_upstreams() -> None:
    async with open_upstream(Stream(("one", Hang()))) as upstream, open_router(configured(upstream.url)) as router:
        ended: list[str] = []

        async def listen() -> None:
            stream = router.stream(asked())
            with pytest.raises(ShuttingDown):  # noqa: PT012 - only once something has come
                async for _ in stream:
                    begun.set()
            ended.append("stream")

        async def wait() -> None:
            upstream.push(Stream(("one", Hang())))
            with pytest.raises(ShuttingDown):
                await router.chat(asked())
            ended.append("chat")

        begun = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            nursery.start_soon(wait)
            await begun.wait()
            calls = [await upstream.next_call(), await upstream.next_call()]
            await router.shutdown()
        assert sorted(ended) == ["chat", "stream"]
        for call in calls:
            await call.aborted()


async def test_what_the_block_raises_leaves_it_as_it_is() -> None:
    with pytest.raises(LookupError, match="mine"):
        async with open_router(Config()):
            raise LookupError("mine")
    with pytest.raises(SystemExit):
        async with open_router(Config()):
            sys.exit(3)
    with trio.move_on_after(0.01) as scope:
        async with open_router(Config()):
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_it_serves_until_it_is_shut_down(tmp_path: Path) -> None:
    path = tmp_path / "router.sock"
    async with open_upstream() as upstream, trio.open_nursery() as nursery:
        router = await ContinuumRouter.from_config(configured(upstream.url)).build()
        urls = await nursery.start(router.serve, f"127.0.0.1:0,unix:{path}")
        assert urls[1] == f"http+unix://{path}"
        async with httpx.AsyncClient(base_url=urls[0], trust_env=False) as client:
            answer = await client.post("/v1/chat/completions", json=asked())
        assert answer.json()["choices"][0]["message"]["content"] == TEXT
        assert path.is_socket()
        await router.shutdown()
        assert not path.exists()


async def test_it_serves_until_a_signal_and_drains_first() -> None:
    gate = trio.Event()
    async with open_upstream(Stream(("one", Wait(gate), "two"))) as upstream, trio.open_nursery() as nursery:
        router = await ContinuumRouter.from_config(configured(upstream.url)).build()
        ended = trio.Event()

        async def serve(task_status: trio.TaskStatus[list[str]]) -> None:
            await router.serve("127.0.0.1:0", task_status=task_status)
            ended.set()

        (url,) = await nursery.start(serve)
        body = asked(stream=True)
        async with (
            httpx.AsyncClient(base_url=url, trust_env=False) as client,
            client.stream("POST", "/v1/chat/completions", json=body) as answer,
        ):
            pieces = answer.aiter_text()
            assert "one" in await anext(pieces)
            os.kill(os.getpid(), signal.SIGTERM)
            with trio.fail_after(PATIENCE_S):
                while not await refuses(url):
                    await trio.lowlevel.checkpoint()
            gate.set()
            rest = "".join([piece async for piece in pieces])
        assert "two" in rest
        assert rest.endswith("data: [DONE]\n\n")
        await ended.wait()
    with pytest.raises(ShuttingDown):
        await router.chat(asked())


async def test_it_serves_where_no_signals_come() -> None:
    """In a thread that is not the main one."""

    async def served() -> int:
        async with trio.open_nursery() as nursery:
            router = await ContinuumRouter.from_config(Config()).build()
            (url,) = await nursery.start(router.serve, "127.0.0.1:0")
            async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
                status = (await client.get("/health")).status_code
            await router.shutdown()
        return status

    assert await trio.to_thread.run_sync(lambda: trio.run(served)) == 200


async def refuses(url: str) -> bool:
    """Whether nobody accepts connections there."""
    host, port = url.removeprefix("http://").split(":")
    try:
        await (await trio.open_tcp_stream(host, int(port))).aclose()
    except OSError:
        return True
    return False


async def test_an_address_that_cannot_be_had_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        router = await ContinuumRouter.from_config(Config()).build()
        with pytest.raises(ConfigError, match="in use"):
            await router.serve(address)
    router = await ContinuumRouter.from_config(Config()).build()
    with pytest.raises(ConfigError, match=r"server\.bind_address"):
        await router.serve("nowhere")
    await router.shutdown()


async def test_a_store_is_one_routers() -> None:
    store = store_of(Config())
    first = await ContinuumRouter.from_config(Config()).with_config_store(store).build()
    assert first.config_handle() is store
    with pytest.raises(ConfigError, match="another router"):
        await ContinuumRouter.from_config(Config()).with_config_store(store).build()
    await first.shutdown()
    other = from_mapping({"retry": {"max_attempts": 9}})
    with pytest.raises(ConfigError, match="another configuration"):
        await ContinuumRouter.from_config(other).with_config_store(store_of(Config())).build()
    second = await ContinuumRouter.from_config(other).with_config_store(store_of(other)).build()
    assert second.state().current_config().retry.max_attempts == 9
    await second.shutdown()


async def test_two_routers_share_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Different keys, backends, breakers, counts, tokens and versions; and the logging of neither takes effect."""
    levels = [logging.getLogger(name).level for name in ("continuum", "continuum.access")]
    handlers = list(logging.getLogger("continuum").handlers)
    keys = {"mode": "blocking", "api_keys": [{"key": "sk-one", "id": "one"}]}
    async with open_upstream() as one, open_upstream(Plain({}, 500)) as two, trio.open_nursery() as nursery:
        first = await ContinuumRouter.from_config(
            configured(one.url, api_keys=keys, logging={"level": "error", "access": False})
        ).build()
        second = await ContinuumRouter.from_config(
            configured(two.url, retry={"max_attempts": 1}, circuit_breaker={"failure_threshold": 1})
        ).build()
        assert first.admin_token != second.admin_token
        urls = [(await nursery.start(router.serve, "127.0.0.1:0"))[0] for router in (first, second)]
        async with httpx.AsyncClient(trust_env=False) as client:

            async def ask(url: str, **headers: str) -> int:
                answer = await client.post(f"{url}/v1/chat/completions", json=asked(), headers=headers)
                return answer.status_code

            async def total(url: str, router: ContinuumRouter) -> int:
                headers = {"authorization": f"Bearer {router.admin_token}"}
                answer = await client.get(f"{url}/admin/stats", headers=headers)
                requests: int = answer.raise_for_status().json()["totals"]["requests"]
                return requests

            assert [await ask(urls[0]), await ask(urls[0], authorization="Bearer sk-one")] == [401, 200]
            assert await ask(urls[1]) == 502
            bearer = {"authorization": "Bearer sk-one"}
            pages = [(await client.get(f"{url}/metrics", headers=bearer)).text for url in urls]
            ended = r'^continuum_requests_total.*result="(\w+)"} (\S+)$'
            counted = [re.findall(ended, page, re.MULTILINE) for page in pages]
            assert counted == [[("ok", "1.0")], [("upstream_error", "1.0")]]
            assert [await total(url, router) for url, router in zip(urls, (first, second), strict=True)] == [1, 1]
            foreign = {"authorization": f"Bearer {second.admin_token}"}
            assert (await client.get(f"{urls[0]}/admin/stats", headers=foreign)).status_code == 401
            assert [await ask(urls[1]), await ask(urls[0], authorization="Bearer sk-one")] == [503, 200]
        await first.shutdown()
        await second.shutdown()
    assert levels == [logging.getLogger(name).level for name in ("continuum", "continuum.access")]
    assert handlers == logging.getLogger("continuum").handlers
    assert "sk-one" not in caplog.text


async def test_nothing_is_written_unless_somebody_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    async with open_upstream() as upstream:
        file = tmp_path / "continuum.json"
        text = from_mapping({"backends": [{"name": "a", "url": upstream.url, "models": [MODEL]}], **QUIET})
        file.write_text(text.model_dump_json(exclude_unset=True), encoding="utf-8")
        builders = [ContinuumRouter.from_config(Config()), await ContinuumRouter.from_config_file(file)]
        for builder in builders:
            async with trio.open_nursery() as nursery:
                router = await builder.build()
                (url,) = await nursery.start(router.serve, "127.0.0.1:0")
                headers = {"authorization": f"Bearer {router.admin_token}"}
                async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
                    changed = await client.patch("/admin/config/logging", json={"config": {"level": "debug"}})
                assert changed.json()["version"] == 2
                await router.shutdown()
        assert names_in(tmp_path) == ["continuum.json"]
    async with open_router(from_mapping({"storage": {"dir": str(tmp_path / "kept")}})) as router:
        assert router.admin_token
        assert (tmp_path / "kept" / "admin.token").read_text().strip() == router.admin_token


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]
