"""The ASGI application: calls to models are answered here, at once; everything else is Quart's."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from continuum.dialects import DIALECTS
from continuum.errors import ContinuumError, InternalError, MethodNotAllowed
from continuum.http.admin import AdminApi
from continuum.http.calls import answer_call
from continuum.http.client_address import ClientAddresses
from continuum.http.cors import CorsGrant
from continuum.http.credentials import credential
from continuum.http.endpoints import CALL_SCOPE, CALLS, PAGE_SCOPE, PAGES
from continuum.http.exchange import ClientLeft, Exchange
from continuum.http.head import HeadCheck
from continuum.http.heartbeat import keep_alive
from continuum.http.metrics import MetricsPage
from continuum.http.mounting import at_root
from continuum.http.pages import Pages, with_principal
from continuum.http.state import OPEN, tell
from continuum.metrics.instruments import HTTP
from continuum.metrics.meter import OTHER

if TYPE_CHECKING:
    from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope

    from continuum.config import Cors
    from continuum.http.endpoints import CallRow
    from continuum.runtime import Instance

__all__ = ["App"]

_log = logging.getLogger("continuum.http")


class App:
    """One instance as an ASGI application."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._pages = Pages(instance)
        self._admin = AdminApi(instance)
        self._metrics = MetricsPage(instance)
        self._open: set[Exchange] = set()
        self._quiet: trio.Event | None = None
        self._head = HeadCheck(instance.config.server)
        self._addresses = ClientAddresses(instance.config.server.trusted_proxies)
        self._cors_of: Cors | None = None
        self._granting: CorsGrant | None = None

    def drain(self) -> None:
        """The process is about to end: /ready says so from now on."""
        self._instance.draining = True

    async def run(self) -> None:
        """Keep streams alive whose backend is silent; lives until cancelled."""
        await keep_alive(self._open)

    def interrupt(self) -> None:
        """End what is still open: each stream is told so in-band."""
        for exchange in self._open:
            exchange.interrupt()

    async def quiet(self) -> None:
        """Wait until no request is open."""
        while self._open:
            self._quiet = trio.Event()
            await self._quiet.wait()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        scope = at_root(scope)
        exchange = Exchange(scope, receive, send)
        row = CALLS.get(scope["path"])
        self._open.add(exchange)
        try:
            if row is None and self._admin.owns(scope):
                await self._admin.answer(exchange)
            else:
                await self._answer(exchange, row, send)
        except ContinuumError as error:
            await exchange.fail(error, row.dialect if row is not None else _PLAIN)
        except ClientLeft:
            pass
        finally:
            self._open.discard(exchange)
            if self._quiet is not None:
                self._quiet.set()
            exchange.log()
            self._count(exchange, row)

    def _count(self, exchange: Exchange, row: CallRow | None) -> None:
        """Routes go by their table: callers may invent paths."""
        path = exchange.scope["path"]
        if row is None and path not in PAGES and not self._metrics.owns(path):
            path = "/admin" if self._admin.owns(exchange.scope) else OTHER
        self._instance.pool.meter.count(HTTP, path, str(exchange.result))

    async def _answer(self, exchange: Exchange, row: CallRow | None, send: ASGISendCallable) -> None:
        """Judge the head, let the caller in, and answer: in this order, before any of the body is read."""
        scope = exchange.scope
        self._head.check(scope, exchange.headers.get(b"host", b""), measured=exchange.direct is not None)
        cors = self._cors()
        if cors is not None:
            exchange.granted = cors.answer(scope["path"], exchange.headers)
            if (told := cors.preflight(scope["method"], scope["path"], exchange.headers)) is not None:
                await exchange.answer(204, told, b"")
                return
        if row is None and self._metrics.owns(scope["path"]):
            await self._metrics.answer(exchange)
            return
        if scope["path"] in OPEN:
            await tell(exchange, self._instance)
            return
        exchange.principal = self._instance.access.identify(credential(exchange.headers))
        exchange.client = self._addresses.of(scope)
        exchange.principal.need_scope(PAGE_SCOPE if row is None else CALL_SCOPE)
        if row is None:
            await self._page(exchange, send)
        elif scope["method"] == "POST":
            await self._call(row, exchange)
        else:
            raise MethodNotAllowed("this path takes POST", details={"allow": "POST"})

    def _cors(self) -> CorsGrant | None:
        """What pages of other origins are granted now; None where nothing is."""
        section = self._instance.config.cors
        if section is not self._cors_of:
            self._cors_of, self._granting = section, CorsGrant(section) if section.allow_origins else None
        return self._granting

    async def _call(self, row: CallRow, exchange: Exchange) -> None:
        try:
            await answer_call(exchange, self._instance, row.operation, row.dialect)
        except (ContinuumError, ClientLeft):
            raise
        except Exception:  # the outermost frame: whatever it is, this request alone fails
            _log.exception("%s failed", exchange.request_id)
            if exchange.status:
                raise  # the head is out: only a cut connection still tells the client
            raise InternalError("the router failed on this request") from None

    async def _page(self, exchange: Exchange, send: ASGISendCallable) -> None:
        async def send_with_common_headers(message: ASGISendEvent) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name.lower() not in _OURS]
                await exchange.start(message["status"], kept)
            elif message["type"] == "http.response.body":
                await exchange.write(message["body"], more=message["more_body"])
            else:
                await send(message)

        await self._pages(
            with_principal(exchange.scope, exchange.principal), exchange.receive, send_with_common_headers
        )


_OURS = {b"server", b"x-request-id"}
_PLAIN = DIALECTS["openai_chat"]
