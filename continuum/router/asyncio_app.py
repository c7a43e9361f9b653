"""The router as an ASGI application for hosts that asyncio runs: FastAPI, Starlette, anything on uvicorn."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from continuum.dialects import DIALECTS
from continuum.errors import ContinuumError, InternalError
from continuum.router.crossing import Crossing
from continuum.router.portal import OpenApp, Portal

if TYPE_CHECKING:
    from types import TracebackType

    import trio

__all__ = ["AsyncioApp"]

_log = logging.getLogger("continuum.router")

_PLAIN: Final = DIALECTS["openai_chat"]
_GRACE: Final = 2.0
"""Seconds that a request gets to end on the router's side after the host has given it up."""


class AsyncioApp:
    """What `RouterBuilder.build_asyncio_app` gives. The router lives in a thread of its own.

    It starts with the host's lifespan where this is the host's application, with the first request where it is mounted
    in one (frameworks keep the lifespan from what they mount), or by `async with app` in the host's own lifespan, which
    tells a faulty configuration before the first request, and stops the router with the host.
    """

    def __init__(self, open_app: OpenApp) -> None:
        """For builders."""
        self._open_app = open_app
        self._portal: Portal | None = None
        self._told = False

    async def __aenter__(self) -> Self:
        """Start. Raises ConfigError with every fault."""
        try:
            await self.startup()
        except BaseException:
            if self._portal is not None:
                self._portal.stop()  # it may still be starting
                self._portal = None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown()

    async def startup(self) -> None:
        """Start, unless it runs. Raises ConfigError with every fault."""
        await self._started()

    async def shutdown(self) -> None:
        """Release everything and end the thread. It may be started again where the builder can build again."""
        portal, self._portal = self._portal, None
        if portal is not None:
            await asyncio.wrap_future(portal.stop())
            portal.join()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        try:
            portal, token = await self._started()
        except Exception as fault:  # noqa: BLE001 - whatever it is, this is where a mounted router tells it
            if not self._told:
                self._told = True
                _log.error("the router could not start: %s", fault, exc_info=not isinstance(fault, ContinuumError))
            await _refuse(scope, send, InternalError("the router could not start; the log says why"))
            return
        crossing = Crossing(token)
        try:
            portal.let_in(crossing, scope)
        except ContinuumError as fault:
            await _refuse(scope, send, fault)
            return
        try:
            await _carried(crossing, receive, send)
        finally:
            portal.let_out(crossing)
        if crossing.fault is not None:
            if crossing.started or not isinstance(crossing.fault, ContinuumError):
                raise crossing.fault  # only a cut connection still tells the client
            await _refuse(scope, send, crossing.fault)

    async def _started(self) -> tuple[Portal, trio.lowlevel.TrioToken]:
        portal = self._portal
        if portal is None:
            portal = self._portal = Portal(self._open_app)
            portal.start()
        began = portal.began
        if not began.done():
            return portal, await asyncio.wrap_future(began)
        fault = began.exception()
        if fault is not None:
            raise fault.with_traceback(None)  # with it, it would keep the frames of every request that it is told to
        return portal, began.result()

    async def _live(self, receive: Any, send: Any) -> None:
        """The host's lifespan."""
        await receive()
        try:
            await self.startup()
        except Exception as fault:  # noqa: BLE001 - the host is told by the protocol, and ends
            await send({"type": "lifespan.startup.failed", "message": str(fault)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.shutdown()
        await send({"type": "lifespan.shutdown.complete"})


async def _carried(crossing: Crossing, receive: Any, send: Any) -> None:
    """Have a request answered; the host's giving it up ends it on the router's side, too."""
    try:
        await crossing.serve(receive, send)
    except (Exception, asyncio.CancelledError) as fault:
        with suppress(TimeoutError):
            await asyncio.wait_for(crossing.done(), _GRACE)
        if not isinstance(fault, OSError):  # else the client has left
            raise


async def _refuse(scope: Any, send: Any, error: ContinuumError) -> None:
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1011})
        return
    body = _PLAIN.write_error(error)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": error.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
