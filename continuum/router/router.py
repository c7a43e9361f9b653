"""ContinuumRouter and its builder: the names a host program starts from."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import trio

from continuum.config import Config, ConfigStore, open_file, store_of
from continuum.config.overlay import Overlay, from_environ, option
from continuum.config.view import revealed
from continuum.errors import ConfigError, ConfigProblem
from continuum.router.anywhere import in_thread, in_trio
from continuum.router.asgi import AsgiApp
from continuum.router.asyncio_app import AsyncioApp
from continuum.router.calls import Calls, ChatStream
from continuum.router.life import Life
from continuum.router.state import RouterState
from continuum.router.web import Web
from continuum.runtime import Choice, look_around, make_instance

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from continuum.backends.transport import HttpClient
    from continuum.chat import ChatRequest, ChatResponse
    from continuum.runtime import Instance

__all__ = ["ContinuumRouter", "RouterBuilder"]


class ContinuumRouter:
    """A router inside this program. Made by a builder: `from_config`, `from_config_file`, `discover`.

    `async with router` starts and stops its background work; calls and mounted applications work in between. Times are
    seconds; what a caller did wrong, and what backends did, is raised as a ContinuumError.
    """

    def __init__(self, instance: Instance, handle: ConfigStore | None) -> None:
        """For builders."""
        self._instance = instance
        self._handle = handle
        self._state = RouterState(instance)
        self._web = Web(instance)
        self._life = Life(instance, beside=self._web.run, interrupt=self._interrupt, quiet=self._quiet)
        self._calls = Calls(instance, self._life.check)
        self._block: AbstractAsyncContextManager[None] | None = None

    @staticmethod
    def from_config(config: Config) -> RouterBuilder:
        """A router of a configuration made in code. No file is watched, and there is no `config_handle` unless
        `with_config_store` attaches one. What is wrong with it is told by `build`.
        """
        return RouterBuilder(config)

    @staticmethod
    async def from_config_file(path: str | os.PathLike[str]) -> RouterBuilder:
        """A router of a file, YAML, TOML or JSON by its suffix, which is watched. `${VAR}` in it and `CONTINUUM_…`
        variables come from the environment. Versions and keys are kept where `storage.dir` says, else in memory.

        Raises ConfigError with every fault, also for a file that cannot be read. Works under asyncio, too.
        """
        file = Path(path)

        def opened() -> ConfigStore:
            return open_file(file, environ=os.environ, overlay=from_environ(os.environ), keep=None)

        return RouterBuilder(await in_thread(opened))

    @staticmethod
    async def discover() -> RouterBuilder:
        """A router of what the machine has, whatever files there are: keys in the environment, servers that answer on
        loopback (0.3 s), else the embedded model where the extra `local` is installed. May find nothing.

        Raises ConfigError for variables that cannot be used. Works under asyncio, too.
        """
        choice = Choice(os.environ, overlay=from_environ(os.environ))
        if in_trio():
            setup = await look_around(choice)
        else:
            setup = await in_thread(lambda: trio.run(look_around, choice))
        return RouterBuilder(setup.store)

    async def __aenter__(self) -> Self:
        """Start. Returns once each server whose models are not configured was asked for them, for a bounded time."""
        block = self._life.running()
        await block.__aenter__()
        self._block = block
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        assert self._block is not None, "it was entered"  # noqa: S101 - for the type checker
        return await self._block.__aexit__(kind, value, trace)

    async def shutdown(self) -> None:
        """Release everything: requests under way are ended (those of `serve` drain first), connections closed, tasks
        and managed servers stopped, subscriptions ended. From any task, any number of times. Leaving the block does
        the same. A router does not start again.
        """
        await self._life.end()

    async def chat(self, request: ChatRequest | Mapping[str, Any]) -> ChatResponse:
        """The whole answer to one request: a ChatRequest, or what OpenAI's API takes as a mapping (its `stream` does
        not matter). Without a model, `routing.default_model` answers. Cancelling closes the upstream.

        Raises ContinuumError: InvalidRequest, ModelNotFound, RateLimited, NoBackendAvailable, AttemptsExhausted, …
        """
        self._life.check()
        return await self._calls.chat(self._calls.call(request, stream=False))

    def stream(self, request: ChatRequest | Mapping[str, Any]) -> ChatStream:
        """The answer to one request as it comes: `async with router.stream(request) as stream: async for event in
        stream`. The request as for `chat`; the events are those of continuum.chat.

        Raises InvalidRequest at once, and what `chat` raises when the block is entered; StreamBroken while iterating.
        """
        self._life.check()
        return ChatStream(self._calls, self._calls.call(request, stream=True))

    def asgi(self) -> AsgiApp:
        """The HTTP API as an application to mount under any prefix of a host that trio runs; everything moves under it
        (`/llm/v1/chat/completions`, `/llm/admin/…`). The host owns addresses, TLS, signals and lifetime: it enters the
        router around its server.
        """
        return AsgiApp(self._web.mounted(self._life.check), self._life)

    async def serve(
        self, addr: str | None = None, *, task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve standalone, in the main thread until SIGINT or SIGTERM: open requests finish (`server.shutdown_grace`),
        unix sockets are removed, tasks stop. Starts the router by itself where nobody has; `shutdown` ends it, too.

        addr: beats `server.bind_address`; port 0 takes a free one. `nursery.start(router.serve, addr)` returns the URLs
        once it listens. Raises ConfigError for an address that cannot be bound.
        """
        if addr is not None:
            self._instance.store.lay_over(option("serve", "server.bind_address", addr))
        if self._life.new:
            async with self:
                await self._serve(task_status)
        else:
            self._life.check()
            await self._serve(task_status)

    @property
    def admin_token(self) -> str | None:
        """The token that was made for `/admin` where none is configured: kept in memory, or in `storage.dir` where that
        is configured (then it is there once the router runs). None where the configuration has its own credential.
        """
        auth = self._instance.config.admin.auth
        own = auth.method == "basic" or auth.secret is not None
        return None if own else self._instance.admin_token.read()

    def state(self) -> RouterState:
        """A live view: health of the backends, the configuration at work."""
        return self._state

    def config_handle(self) -> ConfigStore | None:
        """Where the configuration is read and changed while the router runs: `get_config`, `set_config`, `subscribe`.
        None for a router made by `from_config` alone.
        """
        return self._handle

    def _interrupt(self) -> None:
        self._calls.interrupt()
        self._web.interrupt()

    async def _quiet(self) -> None:
        await self._calls.quiet()
        await self._web.quiet()

    async def _serve(self, task_status: trio.TaskStatus[list[str]]) -> None:
        async with self._life.holding():
            await self._web.serve(task_status, self._life.ending)

    into_router = asgi


class RouterBuilder:
    """A router in the making. What is not said is as the configuration has it; what is said holds over every
    configuration that comes later, from whatever source.
    """

    def __init__(self, source: Config | ConfigStore) -> None:
        """For ContinuumRouter's constructors."""
        self._config = source if isinstance(source, Config) else None
        self._store = source if isinstance(source, ConfigStore) else None
        self._held = Overlay()
        self._client: HttpClient | None = None
        self._folder: Path | None = None

    def enable_hot_reload(self, on: bool = True) -> Self:  # noqa: FBT001, FBT002 - a switch by name
        """Whether edits of the configuration file and the prompt files take effect (`hot_reload.enabled`)."""
        return self._hold("hot_reload.enabled", on, "enable_hot_reload")

    def enable_health_checks(self, on: bool = True) -> Self:  # noqa: FBT001, FBT002 - a switch by name
        """Whether backends are probed (`health_checks.enabled`)."""
        return self._hold("health_checks.enabled", on, "enable_health_checks")

    def enable_circuit_breaker(self, on: bool = True) -> Self:  # noqa: FBT001, FBT002 - a switch by name
        """Whether failing backends are left alone for a while (`circuit_breaker.enabled`)."""
        return self._hold("circuit_breaker.enabled", on, "enable_circuit_breaker")

    def enable_metrics(self, on: bool = True) -> Self:  # noqa: FBT001, FBT002 - a switch by name
        """Whether metrics are kept and served (`metrics.enabled`)."""
        return self._hold("metrics.enabled", on, "enable_metrics")

    def enable_files_api(self, on: bool = True) -> Self:  # noqa: FBT001, FBT002 - a switch by name
        """Whether clients can upload files (`files.enabled`)."""
        return self._hold("files.enabled", on, "enable_files_api")

    def with_http_client(self, client: HttpClient) -> Self:
        """Reach backends with this httpx.AsyncClient: its TLS, proxies and pool count, the router's deadlines hold.
        Whoever made it closes it, after the router. Its pool must have room for the calls at one time and a probe.
        Backends on unix sockets are reached without it.
        """
        self._client = client
        return self

    def with_config_dir(self, path: str | os.PathLike[str]) -> Self:
        """Where relative names of the configuration lead (`global_prompts.prompts_dir`), instead of the file's
        directory, or the working directory without a file.
        """
        self._folder = Path(path)
        return self

    def with_config_store(self, store: ConfigStore) -> Self:
        """Serve what this store holds, whatever the builder was made from; it is the router's alone, and ends with it.
        `continuum.config.store_of(config)` and `open_file` make one.
        """
        self._store = store
        return self

    async def build(self) -> ContinuumRouter:
        """The router, not running yet: nothing was contacted. Under trio.

        Raises ConfigError with every fault of the configuration and of the files that it names.
        """
        if not in_trio():
            raise RuntimeError("a router is built and used where trio runs; for asyncio: builder.build_asyncio_app()")
        store = self._opened()
        try:
            store.lay_over(self._held)
            if self._folder is not None:
                store.move_beside(self._folder)
            instance = await make_instance(store, client=self._client)
        except BaseException:
            if self._store is None:
                store.close()
            raise
        return ContinuumRouter(instance, self._store)

    def build_asyncio_app(self) -> AsyncioApp:
        """The HTTP API as an application for hosts on asyncio (FastAPI, uvicorn): the router lives in a thread of its
        own, from the host's lifespan start-up, or the first request, to its shutdown. At once: what is wrong is told
        when it starts.
        """
        return AsyncioApp(self._running)

    with_config_manager = with_config_store

    def _hold(self, key: str, value: object, method: str) -> Self:
        self._held.add(option(f"the host program ({method})", key, value))
        return self

    def _opened(self) -> ConfigStore:
        config, store = self._config, self._store
        if store is None:
            assert config is not None, "made from one of the two"  # noqa: S101 - for the type checker
            return store_of(config)
        if config is not None and config.model_fields_set and revealed(config) != revealed(store.current.config):
            rule = "the ConfigStore holds another configuration than from_config was given: commit it there, or give it"
            raise ConfigError([ConfigProblem(f"{rule} to from_config as it is (await store.get_config())")])
        return store

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[AsgiApp]:
        async with await self.build() as router:
            yield router.asgi()
