"""The page that Prometheus scrapes: where the configuration puts it, for whom it says."""

from __future__ import annotations

import hmac
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

import trio

from continuum.errors import MethodNotAllowed, Unauthenticated
from continuum.metrics.exposition import Exposition
from continuum.runtime.gauges import readings

if TYPE_CHECKING:
    from continuum.http.exchange import Exchange
    from continuum.runtime import Instance

__all__ = ["MetricsPage"]

_METHODS = ("GET", "HEAD")


class MetricsPage:
    """One for an instance; it follows the section in force."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._exposition = Exposition(instance.pool.meter, partial(readings, instance))

    def owns(self, path: str) -> bool:
        """Is it here?"""
        section = self._instance.config.metrics
        return section.enabled and path == section.endpoint

    async def answer(self, exchange: Exchange) -> None:
        """Show everything as it is now. Raises MethodNotAllowed, Unauthenticated."""
        if exchange.scope["method"] not in _METHODS:
            raise MethodNotAllowed("this path takes GET", details={"allow": ", ".join(_METHODS)})
        self._need_token(exchange.headers.get(b"authorization", b""))
        written = self._exposition.snapshot()
        accept = exchange.headers.get(b"accept", b"").decode("latin-1")
        body, content_type = await trio.to_thread.run_sync(written, accept)
        await exchange.answer(200, [(b"content-type", content_type.encode())], body)

    def _need_token(self, authorization: bytes) -> None:
        auth = self._instance.config.metrics.auth
        if auth.method == "none" or auth.token is None:
            return
        scheme, _, shown = authorization.strip().partition(b" ")
        wanted = auth.token.reveal().encode()
        same = hmac.compare_digest(sha256(shown.strip()).digest(), sha256(wanted).digest())
        if scheme.lower() != b"bearer" or not same:
            raise Unauthenticated("metrics need their token, as Authorization: Bearer (metrics.auth)")
