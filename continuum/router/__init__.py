"""The router as a part of another program: built from a configuration, called in-process, mounted, or served.

    async with await ContinuumRouter.from_config(config).build() as router:
        answer = await router.chat({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello."}]})

It configures no logging, reads the environment only in `from_config_file` and `discover`, and shares nothing with
another router of the same process. docs/embedding.md is its manual.
"""

from continuum.router.asyncio_app import AsyncioApp
from continuum.router.calls import ChatStream
from continuum.router.router import ContinuumRouter, RouterBuilder
from continuum.router.state import BackendHealth, HealthChecker, RouterState

__all__ = [
    "AsyncioApp",
    "BackendHealth",
    "ChatStream",
    "ContinuumRouter",
    "HealthChecker",
    "RouterBuilder",
    "RouterState",
]
