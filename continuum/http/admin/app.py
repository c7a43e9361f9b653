"""The admin API's side of the door: whoever is let in is dispatched, whatever goes wrong is told in its form."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from continuum.errors import ContinuumError, InternalError
from continuum.http.admin.dispatch import find, is_admin
from continuum.http.admin.faults import refusal
from continuum.http.admin.ground import Ground
from continuum.http.admin.request import Request
from continuum.http.exchange import ClientLeft

if TYPE_CHECKING:
    from hypercorn.typing import HTTPScope

    from continuum.http.exchange import Exchange, Headers
    from continuum.runtime import Instance

__all__ = ["AdminApi"]

_log = logging.getLogger("continuum.http")


class AdminApi:
    """Everything below /admin of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._ground = Ground(instance)

    @staticmethod
    def owns(scope: HTTPScope) -> bool:
        """Is it for this to answer? Also where there is nothing at the path."""
        return is_admin(scope)

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request. Raises ClientLeft."""
        request: Request | None = None
        try:
            who = self._ground.door.admit(exchange)
            found = find(exchange.scope)
            request = Request(exchange, found.row, who, found.names)
            await request.read(self._ground.instance.config.server.body_timeout)
            await self._respond(request)
        except ClientLeft:
            raise
        except ContinuumError as error:
            await self._refuse(exchange, error, request)
        except Exception:  # the outermost frame: whatever it is, this request alone fails
            _log.exception("%s failed", exchange.request_id)
            if exchange.status:
                raise  # the head is out: only a cut connection still tells the client
            await self._refuse(exchange, InternalError("the router failed on this request"), request)

    async def _respond(self, request: Request) -> None:
        body = await request.row.handler(self._ground, request)
        if body is None:
            return
        headers: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        if request.row.versioned:
            number = self._ground.store.current.number if request.tag is None else request.tag
            headers.append((b"etag", b'"%d"' % number))
        await request.exchange.answer(200, headers, json.dumps(body, ensure_ascii=False).encode())

    async def _refuse(self, exchange: Exchange, error: ContinuumError, request: Request | None) -> None:
        below = request.below if request is not None else ""
        status, headers, body = refusal(error, below, self._ground.door.challenge)
        if exchange.has_unread_body() and exchange.scope["http_version"].startswith("1"):
            headers.append((b"connection", b"close"))  # it will be closed: without a word the client would use it again
        await exchange.answer(status, headers, body)
