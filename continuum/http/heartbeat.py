"""Signs of life for streams whose backend is silent: the head, and comments, from one task for all of them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Collection

    from continuum.http.exchange import Exchange

__all__ = ["keep_alive"]

_log = logging.getLogger("continuum.http")

TICK: Final = 0.25
"""Seconds between two looks at who is waiting: so much later than it is due a comment may go out."""


async def keep_alive(exchanges: Collection[Exchange]) -> None:
    """Keep those that are open from time to time; lives until cancelled."""
    async with trio.open_nursery() as nursery:
        while True:
            await trio.sleep(TICK)
            now = trio.current_time()
            for exchange in exchanges:
                if exchange.beat_at <= now:
                    nursery.start_soon(_beat, exchange)


async def _beat(exchange: Exchange) -> None:
    try:
        await exchange.beat()
    except Exception as fault:  # noqa: BLE001 - the outermost frame: a connection that fails is no other's business
        _log.debug("%s: no sign of life could be given: %s", exchange.request_id, type(fault).__name__)
