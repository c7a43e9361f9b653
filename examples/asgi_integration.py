"""A web application of your own on trio, with the router below /llm: /health and /info are the host's.

OPENAI_API_KEY=sk-… python examples/asgi_integration.py 127.0.0.1:8080
then: curl http://127.0.0.1:8080/info; curl http://127.0.0.1:8080/llm/v1/models
"""

import sys
from typing import Any, cast

import hypercorn
import hypercorn.trio
import trio
from hypercorn.middleware.dispatcher import TrioDispatcherMiddleware
from quart_trio import QuartTrio

from continuum import ContinuumRouter


def make_host(router: ContinuumRouter) -> QuartTrio:
    """The host's own routes."""
    host = QuartTrio("host")

    @host.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @host.get("/info")
    async def info() -> dict[str, object]:
        config = router.state().current_config()
        return {"backends": [backend.name for backend in config.backends], "api": "/llm/v1"}

    return host


async def main(address: str) -> None:
    """The host owns addresses, signals and lifetime: it enters the router around its server."""
    builder = await ContinuumRouter.discover()
    async with await builder.build() as router:
        app = TrioDispatcherMiddleware({"/llm": router.asgi(), "": cast("Any", make_host(router))})
        settings = hypercorn.Config()
        settings.bind = [address]
        await cast("Any", hypercorn.trio).serve(app, settings)  # its own types are narrower than ASGI


if __name__ == "__main__":
    trio.run(main, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8080")
