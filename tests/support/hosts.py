"""Host programs that mount a router, each with routes of its own: on trio in this program, on asyncio in a thread."""

import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Self, cast

import hypercorn.config
import hypercorn.trio
import trio
import uvicorn
from hypercorn.middleware.dispatcher import TrioDispatcherMiddleware
from patience import PATIENCE_S
from quart_trio import QuartTrio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from continuum.router import AsyncioApp

PREFIX = "/llm"


def starlette_host(app: Any) -> Any:
    """A Starlette application with the router below PREFIX."""

    async def health(request: Request) -> JSONResponse:
        del request
        return JSONResponse({"host": "starlette"})

    return Starlette(routes=[Route("/health", health), Mount(PREFIX, app=app)])


def quart_host(app: Any) -> Any:
    """A Quart-Trio application beside which hypercorn's dispatcher has the router below PREFIX."""
    host = QuartTrio("host")

    @host.get("/health")
    async def health() -> dict[str, str]:
        return {"host": "quart"}

    return TrioDispatcherMiddleware({PREFIX: app, "": cast("Any", host)})


def bare_host(app: Any) -> Any:
    """A host that passes on the path without its prefix, as older frameworks do."""

    async def host(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise RuntimeError("no lifespan here")
        inner = {**scope, "root_path": PREFIX, "path": scope["path"].removeprefix(PREFIX)}
        for name in ("raw_path", "client"):
            del inner[name]
        await app(inner, receive, send)

    return host


TRIO_HOSTS: dict[str, Callable[[Any], Any]] = {
    "starlette": starlette_host,
    "quart-trio": quart_host,
    "bare": bare_host,
}


@asynccontextmanager
async def served_on_trio(app: Any) -> AsyncGenerator[str]:
    """The URL at which hypercorn's trio worker serves an application in this program."""
    settings = hypercorn.config.Config()
    settings.bind = ["127.0.0.1:0"]
    settings.accesslog = settings.errorlog = None
    settings.graceful_timeout = 1
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        start: Any = partial(cast("Any", hypercorn.trio).serve, app, settings, shutdown_trigger=stop.wait, mode="asgi")
        yield str((await nursery.start(start))[0])
        stop.set()


class OnUvicorn:
    """An application on uvicorn, in a thread of its own. `url` is where it listens."""

    def __init__(self, app: Any, *, lifespan: str = "auto") -> None:
        settings = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan=cast("Any", lifespan))
        settings.timeout_graceful_shutdown = 2
        self.server = uvicorn.Server(settings)
        self.url = ""
        self._thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self) -> Self:
        ready = threading.Event()
        startup = self.server.startup

        async def started(sockets: Any = None) -> None:
            await startup(sockets)
            ready.set()

        self.server.startup = started  # type: ignore[method-assign]  # uvicorn has no event for it
        self._thread.start()
        assert ready.wait(PATIENCE_S), "it does not start"
        if self.server.servers:
            self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self.server.should_exit = True
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "it does not stop"


@asynccontextmanager
async def served_on_asyncio(app: AsyncioApp | Any, *, lifespan: str = "auto") -> AsyncGenerator[OnUvicorn]:
    """As OnUvicorn, for tests on trio."""
    host = OnUvicorn(app, lifespan=lifespan)
    await trio.to_thread.run_sync(host.__enter__)
    try:
        yield host
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(host.stop)
