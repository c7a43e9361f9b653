"""The ASGI application: calls to models are answered here, at once; everything else is Quart's."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from continuum.errors import ContinuumError, InternalError, MethodNotAllowed
from continuum.http.calls import answer_call
from continuum.http.endpoints import CALLS
from continuum.http.exchange import ClientLeft, Exchange
from continuum.http.pages import make_pages

if TYPE_CHECKING:
    from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, HTTPScope, Scope

    from continuum.http.endpoints import CallRow
    from continuum.runtime import Instance

__all__ = ["App"]

_log = logging.getLogger("continuum.http")


class App:
    """One instance as an ASGI application."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._pages = make_pages(instance)
        self._open: set[Exchange] = set()

    def interrupt(self) -> None:
        """End what is still open: each stream is told so in-band."""
        for exchange in self._open:
            exchange.interrupt()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        row = CALLS.get(scope["path"])
        self._open.add(exchange)
        try:
            if row is None:
                await self._page(scope, exchange, send)
            elif scope["method"] == "POST":
                await self._call(row, exchange)
            else:
                await exchange.fail(MethodNotAllowed("this path takes POST", details={"allow": "POST"}), row.dialect)
        except ClientLeft:
            pass
        finally:
            self._open.discard(exchange)
            exchange.log()

    async def _call(self, row: CallRow, exchange: Exchange) -> None:
        try:
            await answer_call(exchange, self._instance, row.operation, row.dialect)
        except ContinuumError as error:
            await exchange.fail(error, row.dialect)
        except ClientLeft:
            raise
        except Exception:  # the outermost frame: whatever it is, this request alone fails
            _log.exception("%s failed", exchange.request_id)
            if exchange.status:
                raise  # the head is out: only a cut connection still tells the client
            await exchange.fail(InternalError("the router failed on this request"), row.dialect)

    async def _page(self, scope: HTTPScope, exchange: Exchange, send: ASGISendCallable) -> None:
        async def send_with_common_headers(message: ASGISendEvent) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name.lower() not in _OURS]
                await exchange.start(message["status"], kept)
            elif message["type"] == "http.response.body":
                await exchange.write(message["body"], more=message["more_body"])
            else:
                await send(message)

        await self._pages(scope, exchange.receive, send_with_common_headers)


_OURS = {b"server", b"x-request-id"}
