"""Tasks that live as long as a block, in a nursery that does not show in what the block raises."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

__all__ = ["open_tasks"]


@asynccontextmanager
async def open_tasks(*tasks: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    """Run these until the block is left."""
    failure: BaseException | None = None
    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(task)
        try:
            yield
        except (Exception, KeyboardInterrupt, SystemExit) as fault:  # noqa: BLE001 - raised below as it is: the nursery would wrap it in a group
            failure = fault
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
