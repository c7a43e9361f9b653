"""The library's contract, row by row, in the words of a program that uses it: run by the tests with the installed
wheel, and checked by mypy and pyright, strict, as a user's own code would be.

python contract.py UPSTREAM_URL FOLDER      prints a line of JSON for each row
"""

# ruff: noqa: ASYNC110, BLE001, FBT003, PT017, T201 - a user's program, which tests without pytest

import asyncio
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import trio

import continuum
import continuum.config
import continuum.config.builder
import continuum.router
from continuum import (
    BackendConfig,
    BackendConfigBuilder,
    BackendType,
    BackendTypeConfig,
    ChatRequest,
    Config,
    ConfigBuilder,
    ConfigError,
    ConfigManager,
    ConfigStore,
    ContinuumError,
    ContinuumRouter,
    Message,
    RouterError,
)
from continuum.acp.config import AcpConfig
from continuum.acp.router import AcpMethodRouter
from continuum.acp.session import SessionStore
from continuum.acp.transport.stdio import StdioTransport
from continuum.chat import ChatResponse, TextDelta
from continuum.config.opening import store_of
from continuum.config.store import ConfigStore as StoreItself

PATIENCE_S = 60.0  # for what must come about, whenever it does
MODEL = "test-model"
TEXT = "Every word of this answer is made up."
ASKED = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}


class Place(NamedTuple):
    """Where the rows work: the scripted upstream and a folder."""

    upstream: str
    folder: Path

    def config(self) -> Config:
        """One backend, left alone but for calls."""
        backend = BackendConfigBuilder.openai(self.upstream, "sk-contract").models(MODEL)
        return ConfigBuilder().add_backend(backend).enable_health_checks(False).build()

    def file(self, name: str, suffix: str = ".json", **more: Any) -> Path:
        """The same in a file."""
        entry = {"name": "alpha", "type": "openai", "url": self.upstream, "models": [MODEL]}
        path = self.folder / f"{name}{suffix}"
        data = {"backends": [entry], "health_checks": {"enabled": False}, **more}
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(data), encoding="utf-8")
        beside.replace(path)
        return path


Row = Callable[[Place], Awaitable[None]]
ROWS: dict[str, Row] = {}


def row(name: str) -> Callable[[Row], Row]:
    """Enter a row of the contract."""

    def enter(check: Row) -> Row:
        ROWS[name] = check
        return check

    return enter


@row("names, from three places; __all__; typed")
async def names(place: Place) -> None:
    del place
    for name in ("BackendConfig", "BackendConfigBuilder", "BackendType", "Config", "ConfigBuilder", "ConfigError"):
        assert getattr(continuum, name) is getattr(continuum.config, name)
        assert getattr(continuum, name) is getattr(continuum.config.builder, name)
    assert ConfigStore is StoreItself is continuum.config.ConfigStore
    for module in (continuum, continuum.config, continuum.router):
        assert all(hasattr(module, name) for name in module.__all__)
        assert all(each.__doc__ for each in (getattr(module, name) for name in module.__all__) if callable(each))
    assert {"ContinuumRouter", "ConfigStore", "ChatRequest", "Message", "ContinuumError"} <= set(continuum.__all__)
    assert (Path(continuum.__file__ or "").parent / "py.typed").is_file()


@row("aliases of the reference API")
async def aliases(place: Place) -> None:
    assert ConfigManager is ConfigStore
    assert BackendTypeConfig is BackendType
    assert RouterError is ContinuumError
    store = store_of(place.config())
    router = await ContinuumRouter.from_config(Config()).with_config_manager(store).build()
    assert router.config_handle() is store
    assert type(router.into_router()) is type(router.asgi())
    await router.shutdown()


@row("from_config")
async def from_config(place: Place) -> None:
    builder = ContinuumRouter.from_config(place.config())
    async with await builder.build() as router:
        assert router.config_handle() is None
        assert (await router.chat(ASKED)).text == TEXT


@row("from_config_file")
async def from_config_file(place: Place) -> None:
    for suffix in (".json", ".yaml"):
        builder = await ContinuumRouter.from_config_file(place.file("three", suffix))
        async with await builder.build() as router:
            assert isinstance(router.config_handle(), ConfigStore)
            assert (await router.chat(ASKED)).text == TEXT
    toml = place.folder / "three.toml"
    toml.write_text(f'[[backends]]\nname = "a"\ntype = "openai"\nurl = "{place.upstream}"\nmodels = ["{MODEL}"]\n')
    router = await (await ContinuumRouter.from_config_file(str(toml))).build()
    assert [each.name for each in router.state().current_config().backends] == ["a"]
    await router.shutdown()
    try:
        await ContinuumRouter.from_config_file(place.file("faulty", retry={"max_attempts": 0}, nonsense=1))
    except ConfigError as fault:
        assert len(fault.problems) == 2
    else:
        raise AssertionError("a faulty file was taken")


@row("discover")
async def discover(place: Place) -> None:
    os.environ["OPENAI_API_KEY"], os.environ["OPENAI_BASE_URL"] = "sk-found", place.upstream
    try:
        async with await (await ContinuumRouter.discover()).build() as router:
            assert "openai" in [each.name for each in router.state().current_config().backends]
            assert router.config_handle() is not None
            assert (await router.chat(ASKED)).text == TEXT
    finally:
        del os.environ["OPENAI_API_KEY"], os.environ["OPENAI_BASE_URL"]


@row("builder methods return the builder, and win over any source, also after a reload")
async def switches(place: Place) -> None:
    off: dict[str, Any] = {"metrics": {"enabled": True}, "files": {"enabled": True}, "hot_reload": {"enabled": False}}
    file = place.file("switches", **off)
    async with httpx.AsyncClient() as client:
        builder = await ContinuumRouter.from_config_file(file)
        told = (
            builder.enable_hot_reload(True)
            .enable_health_checks(False)
            .enable_circuit_breaker(False)
            .enable_metrics(False)
            .enable_files_api(False)
            .with_http_client(client)
            .with_config_dir(place.folder)
        )
        assert told is builder
        async with await builder.build() as router:
            handle = router.config_handle()
            assert handle is not None
            changes = handle.subscribe()
            later: dict[str, Any] = {"retry": {"max_attempts": 7}}
            for name in ("metrics", "files", "health_checks", "circuit_breaker"):
                later[name] = {"enabled": True}
            place.file("switches", **off | later)
            with trio.fail_after(PATIENCE_S):
                await anext(changes)
            config = router.state().current_config()
            assert config.retry.max_attempts == 7
            sections = (config.metrics, config.files, config.health_checks, config.circuit_breaker)
            assert not any(section.enabled for section in sections)
            assert (await router.chat(ASKED)).text == TEXT
        assert not client.is_closed


@row("not calling one leaves the configuration's value in force")
async def not_called(place: Place) -> None:
    file = place.file("left", metrics={"enabled": False})
    router = await (await ContinuumRouter.from_config_file(file)).build()
    config = router.state().current_config()
    assert (config.metrics.enabled, config.files.enabled, config.health_checks.enabled) == (False, True, False)
    await router.shutdown()


@row("with_http_client")
async def with_http_client(place: Place) -> None:
    carried: list[str] = []

    class Noting(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            carried.append(request.method)
            return await super().handle_async_request(request)

    async with httpx.AsyncClient(transport=Noting()) as client:
        async with await ContinuumRouter.from_config(place.config()).with_http_client(client).build() as router:
            assert (await router.chat(ASKED)).text == TEXT
        assert carried == ["POST"]
        assert not client.is_closed


@row("with_config_dir")
async def with_config_dir(place: Place) -> None:
    folder = place.folder / "prompts-of-mine" / "prompts"
    folder.mkdir(parents=True)
    (folder / "system.md").write_text("Speak like a pirate.", encoding="utf-8")
    config = place.config()
    config.global_prompts.default_file = "system.md"
    builder = ContinuumRouter.from_config(config).with_config_dir(place.folder / "prompts-of-mine")
    async with await builder.build() as router:
        await router.chat({**ASKED, "user": "with-config-dir"})


@row("with_config_store")
async def with_config_store(place: Place) -> None:
    store = store_of(place.config())
    router = await ContinuumRouter.from_config(await store.get_config()).with_config_store(store).build()
    try:
        await ContinuumRouter.from_config(await store.get_config()).with_config_store(store).build()
    except ConfigError as fault:
        assert "another router" in fault.message
    else:
        raise AssertionError("one store, two routers")
    await router.shutdown()


@row("build raises ConfigError with every fault")
async def build(place: Place) -> None:
    config = place.config()
    config.server.bind_address = "nowhere"
    config.retry.max_attempts = 0
    config.selection_strategy = "Wishful"
    try:
        await ContinuumRouter.from_config(config).build()
    except ConfigError as fault:
        assert len(fault.problems) == 3
    else:
        raise AssertionError("an invalid configuration was built")


@row("serve")
async def serve(place: Place) -> None:
    router = await ContinuumRouter.from_config(place.config()).build()
    path = place.folder / "served.sock"
    async with trio.open_nursery() as nursery:
        urls: list[str] = await nursery.start(router.serve, f"127.0.0.1:0,unix:{path}")
        async with httpx.AsyncClient(base_url=urls[0], trust_env=False) as client:
            assert (await client.post("/v1/chat/completions", json=ASKED)).status_code == 200
        assert path.is_socket()
        os.kill(os.getpid(), signal.SIGTERM)
    assert not path.exists()
    try:
        await router.chat(ASKED)
    except ContinuumError as fault:
        assert fault.code == "shutting_down"
    else:
        raise AssertionError("it goes on after its end")


@row("asgi: everything moves below the prefix")
async def asgi(place: Place) -> None:
    async with await ContinuumRouter.from_config(place.config()).build() as router:
        app = router.asgi()

        async def mounted(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "root_path": "/llm"}, receive, send)

        transport = httpx.ASGITransport(mounted)
        headers = {"authorization": f"Bearer {router.admin_token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost/llm") as client:
            assert (await client.post("v1/chat/completions", json=ASKED)).status_code == 200
            assert (await client.get("v1/models")).json()["data"][0]["id"] == MODEL
            assert (await client.get("admin/backends")).status_code == 401
            assert (await client.get("admin/backends", headers=headers)).status_code == 200


@row("build_asyncio_app")
async def build_asyncio_app(place: Place) -> None:
    async def on_asyncio() -> int:
        async with ContinuumRouter.from_config(place.config()).build_asyncio_app() as app:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return (await client.post("/v1/chat/completions", json=ASKED)).status_code

    assert await trio.to_thread.run_sync(lambda: asyncio.run(on_asyncio())) == 200


@row("chat and stream, in mappings and in requests")
async def calls(place: Place) -> None:
    request = ChatRequest(MODEL, [Message.of_text("user", "hello")], max_tokens=9)
    async with await ContinuumRouter.from_config(place.config()).build() as router:
        answer: ChatResponse = await router.chat(request)
        assert answer.text == (await router.chat(ASKED)).text == TEXT
        for each in (request, ASKED):
            async with router.stream(each) as stream:
                assert "".join([event.text async for event in stream if isinstance(event, TextDelta)]) == TEXT
        try:
            await router.chat({"model": "nobody", "messages": []})
        except ContinuumError as fault:
            assert (fault.code, fault.http_status) == ("model_not_found", 404)
        else:
            raise AssertionError("a model that nobody serves answered")


@row("admin_token")
async def admin_token(place: Place) -> None:
    router = await ContinuumRouter.from_config(place.config()).build()
    token: str | None = router.admin_token
    assert token
    assert not list(place.folder.rglob("admin.token"))
    await router.shutdown()
    config = place.config()
    config.admin.auth.method = "none"
    own = ConfigBuilder().set("admin.auth.token", "my-own-token").build()
    router = await ContinuumRouter.from_config(own).build()
    assert router.admin_token is None
    await router.shutdown()


@row("state: health_checker, current_config, get_backend_health_status")
async def state(place: Place) -> None:
    async with await ContinuumRouter.from_config(place.config()).enable_health_checks(True).build() as router:
        checker = router.state().health_checker
        assert checker is not None
        with trio.fail_after(PATIENCE_S):
            while (records := await checker.get_backend_health_status())[0].status == "unknown":
                await trio.sleep(0.02)
        assert [(record.name, record.status) for record in records] == [("openai", "healthy")]
        assert router.state().current_config().health_checks.enabled
    async with await ContinuumRouter.from_config(place.config()).build() as router:
        assert router.state().health_checker is None


@row("config_handle: get_config, set_config, subscribe")
async def handle(place: Place) -> None:
    router = await (await ContinuumRouter.from_config_file(place.file("live"))).enable_hot_reload(False).build()
    store = router.config_handle()
    assert store is not None
    async with router:
        changes = store.subscribe()
        config = await store.get_config()
        config.backends.append(BackendConfig(name="b", url=place.upstream, models=["another"]))
        await store.set_config(config)
        assert (await router.chat({**ASKED, "model": "another"})).text == TEXT, "live on return"
        assert [each.name for each in (await anext(changes)).backends] == ["alpha", "b"]
        config.retry.max_attempts = 0
        try:
            await store.set_config(config)
        except ConfigError:
            assert router.state().current_config().retry.max_attempts
        else:
            raise AssertionError("an invalid configuration was put in force")
    assert [each async for each in changes] == [], "it ends at shutdown"


@row("shutdown, any number of times")
async def shutdown(place: Place) -> None:
    router = await ContinuumRouter.from_config(place.config()).build()
    async with router:
        await router.chat(ASKED)
        await router.shutdown()
        await router.shutdown()
    await router.shutdown()


@row("Config and BackendConfig")
async def configurations(place: Place) -> None:
    del place
    config = Config()
    assert config.backends == []
    config.selection_strategy = "LeastLatency"
    assert config.routing.selection_strategy == "LeastLatency"
    plain = BackendConfig(name="b", url="http://127.0.0.1:1")
    assert (plain.type, plain.backend_type, plain.api_key, plain.models) == ("generic", "generic", None, [])
    typed = BackendConfig(name="v", url="http://127.0.0.1:1", type=BackendType.VLLM, api_key="sk-x", models=["m"])
    assert typed.backend_type == "vllm"
    assert BackendType(typed.backend_type) is BackendType.VLLM
    assert "sk-x" not in repr(typed)


@row("ConfigBuilder and BackendConfigBuilder")
async def builders(place: Place) -> None:
    del place
    made = (
        ConfigBuilder()
        .add_backend(BackendConfigBuilder.openai(None, "sk-1").weight(2).header("x-a", "b"))
        .add_backend(BackendConfigBuilder.ollama())
        .add_backend(BackendConfigBuilder.vllm("http://127.0.0.1:8000").name("v").models("m").build())
        .bind_address("127.0.0.1:0")
        .selection_strategy("Random")
        .enable_health_checks(False)
        .logging_level("debug")
        .build()
    )
    assert [each.name for each in made.backends] == ["openai", "ollama", "v"]
    assert made.logging.level == "debug"
    for builder in (
        BackendConfigBuilder.anthropic(None, "k"),
        BackendConfigBuilder.gemini(None, "k"),
        BackendConfigBuilder.llamacpp("http://127.0.0.1:1"),
        BackendConfigBuilder.generic("http://127.0.0.1:1"),
        BackendConfigBuilder.azure("https://x.openai.azure.com", "k").api_version("2024-10-21").deployment("m", "d"),
    ):
        builder.api_key("other").build()
    twice = ConfigBuilder().add_backend(BackendConfigBuilder.ollama()).add_backend(BackendConfigBuilder.ollama())
    try:
        twice.bind_address("nowhere").build()
    except ConfigError as fault:
        assert len(fault.problems) == 2
    else:
        raise AssertionError("two backends of one name")


@row("parts of the agent")
async def agent(place: Place) -> None:
    del place
    assert AcpConfig is type(Config().acp)
    assert AcpMethodRouter().find("session/new") is not None
    assert callable(SessionStore.post)
    given, taken = os.pipe()
    transport = StdioTransport(given, taken)
    transport.close()
    os.close(given)
    os.close(taken)


@row("the host's logging stays the host's; two routers share nothing")
async def guests(place: Place) -> None:
    logger = logging.getLogger("continuum")
    before = (logger.level, list(logger.handlers), logger.propagate)
    config = place.config()
    config.logging.level = "error"
    first = await ContinuumRouter.from_config(config).build()
    second = await ContinuumRouter.from_config(place.config()).build()
    async with first, second:
        assert first.admin_token != second.admin_token
        await first.shutdown()
        assert (await second.chat(ASKED)).text == TEXT
    assert (logger.level, list(logger.handlers), logger.propagate) == before


async def main(upstream: str, folder: str) -> None:
    """Each row; one that fails keeps none from being tried."""
    for number, (name, check) in enumerate(ROWS.items()):
        place = Place(upstream, Path(folder) / str(number))
        place.folder.mkdir()
        fault = ""
        try:
            with trio.fail_after(60):
                await check(place)
        except Exception:
            fault = traceback.format_exc()
        print(json.dumps({"row": name, "fault": fault}), flush=True)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
