"""The router as an ASGI application for hosts that trio runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from continuum.router.anywhere import in_trio

if TYPE_CHECKING:
    from continuum.http import Mounted
    from continuum.router.life import Life

__all__ = ["AsgiApp"]


class AsgiApp:
    """What `ContinuumRouter.asgi` gives: to be mounted under any prefix, or served as it is.

    Whoever mounts it enters the router around its server (`async with router`). A server that speaks ASGI's lifespan
    to it starts and stops the router by that, unless it runs already.
    """

    def __init__(self, app: Mounted, life: Life) -> None:
        self._app = app
        self._life = life

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not in_trio():
            raise RuntimeError("this application needs a host that trio runs; for asyncio: builder.build_asyncio_app()")
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        if not self._life.new:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        else:
            async with self._life.running():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        await send({"type": "lifespan.shutdown.complete"})
