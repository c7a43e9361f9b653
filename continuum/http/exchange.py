"""One request and the answer to it, as ASGI messages: the headers every answer has, and its line in the access log."""

from __future__ import annotations

import logging
import math
import os
import re
from typing import TYPE_CHECKING, Any, Protocol, cast

import trio

from continuum.core import ANONYMOUS
from continuum.errors import ContentTooLarge, RequestTimeout
from continuum.http.errors import headers_of, status_of
from continuum.runtime.log import fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope

    from continuum.core import Principal, Reply
    from continuum.dialects import Dialect
    from continuum.errors import ContinuumError

__all__ = ["ClientLeft", "Exchange", "Headers", "made_id"]

Headers = list[tuple[bytes, bytes]]

_access = logging.getLogger("continuum.access")
_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_SLOWEST = 1000
"""Bytes of a body that must come in each second once its first gap is over: drop by drop it would never end."""
CLIENT_LEFT = 499
"""The status logged for a client that did not wait for its answer."""


_COMMENT = b": keep-alive\n\n"
KEEP_ALIVE = 15.0
"""Seconds of silence between two comments in a stream."""


class ClientLeft(Exception):
    """The client closed its connection before its request was complete."""


class Direct(Protocol):
    """What our own edge offers beside ASGI, in the scope as `continuum.connection`: it cancels the application when
    the client leaves, and has read a request's body with its head where both came together.

    gone: the client has left, or does not take what is sent. cancel_scope: the connection's.
    """

    @property
    def gone(self) -> bool: ...

    @property
    def cancel_scope(self) -> trio.CancelScope: ...

    def take(self) -> tuple[bytes, bool]:
        """What has come of the body, and whether that ends it."""
        ...


class Exchange:
    """One request. status: what was answered, 0 while nothing was. finished: all of it was handed over.
    client_left: it did not wait for that. interrupted: we did not. cancel_scope: ends the call,
    while there is one. principal: who asks. client: the address asked from. granted: headers for a page of another
    origin. beat_at: when to give the client of a stream a sign of life.
    """

    def __init__(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self.scope = scope
        self.receive = receive
        self._send = send
        self._began = trio.current_time()
        self._first_byte: float | None = None
        self.status = 0
        self.finished = False
        self._body_read = False
        self.client_left = False
        self.interrupted = False
        self.cancel_scope: trio.CancelScope | None = None
        self.reply: Reply | None = None
        self.principal: Principal = ANONYMOUS
        self.client: str | None = None
        self.granted: Headers = []
        self.beat_at = math.inf
        self._held_head: Headers | None = None
        self._beating: trio.Event | None = None
        known = cast("Mapping[str, Any]", scope)
        self.direct: Direct | None = known.get("continuum.connection")
        self.headers: Mapping[bytes, bytes] = known.get("continuum.headers") or dict(scope["headers"])
        asked = self.headers.get(b"x-request-id", b"")
        self.request_id = asked.decode() if _SANE_ID.fullmatch(asked) else made_id()

    def interrupt(self) -> None:
        """Cancel the call: the process cannot wait for it any longer."""
        self.interrupted = True
        if self.cancel_scope is not None:
            self.cancel_scope.cancel()

    def first_of(self, names: Iterable[str]) -> str | None:
        """The value of the first of these headers that the request has, unless empty."""
        for name in names:
            if value := self.headers.get(name.lower().encode()):
                return value.decode("latin-1")
        return None

    async def body(self, limit: int, gap: float) -> bytes:
        """The whole body. Raises ContentTooLarge over `limit` bytes, RequestTimeout after `gap` seconds without any, or
        when it comes too slowly after that.
        """
        declared = self.headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        pieces: list[bytes] = []
        size, ended = 0, False
        if self.direct is not None:
            piece, ended = self.direct.take()
            pieces.append(piece)
            size = len(piece)
        by = math.inf if ended else trio.current_time() + gap
        while not ended and size <= limit:
            piece, ended = await self._next(gap, by + size / _SLOWEST)
            size += len(piece)
            pieces.append(piece)
        if size > limit:
            raise _too_large(limit)
        self._body_read = True
        return b"".join(pieces)

    async def _next(self, gap: float, by: float) -> tuple[bytes, bool]:
        with trio.move_on_at(min(trio.current_time() + gap, by)):
            message = await self.receive()
            if message["type"] == "http.request":
                return message.get("body", b""), not message.get("more_body", False)
            self.client_left = True
            raise ClientLeft
        raise RequestTimeout(f"the body does not come fast enough (server.body_timeout is {gap:g} seconds)")

    def hold_head(self, headers: Headers, seconds: float) -> None:
        """A stream is awaited: when nothing of it has come after so long, its head goes out, and then comments."""
        self._held_head = headers
        self.beat_at = trio.current_time() + seconds

    async def beat(self) -> None:
        """Give a sign of life: the head where it is not out yet, and a comment. Nothing where the answer has come."""
        if self.beat_at > trio.current_time():
            return
        beating = self._beating = trio.Event()
        try:
            self.beat_at = math.inf
            if not self.status:
                await self._start(200, self._held_head or [])
            await self._send({"type": "http.response.body", "body": _COMMENT, "more_body": True})
            self.beat_at = trio.current_time() + KEEP_ALIVE
        finally:
            self._beating = None
            beating.set()

    async def start(self, status: int, headers: Headers) -> None:
        """Send the answer's head, unless it had to go out before."""
        if self._beating is not None:
            await self._beating.wait()
        self.beat_at = math.inf
        if not self.status:
            await self._start(status, headers)

    async def _start(self, status: int, headers: Headers) -> None:
        self.status = status
        common: Headers = [(b"server", b"continuum"), (b"x-request-id", self.request_id.encode())]
        await self._send(
            {"type": "http.response.start", "status": status, "headers": [*headers, *self.granted, *common]}
        )

    async def write(self, body: bytes, *, more: bool) -> None:
        """Send some of the answer's body, or its end."""
        if self._beating is not None:
            await self._beating.wait()
        self.beat_at = math.inf
        if self._first_byte is None:
            self._first_byte = trio.current_time()
        if more:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
            if self._held_head is not None:
                self.beat_at = trio.current_time() + KEEP_ALIVE
            return
        if self.direct is not None:
            await self._send({"type": "http.response.body", "body": body, "more_body": False})
            self.finished = True
            return
        self.finished = True
        # hypercorn reports the answer's end as a disconnect while it still restarts the connection's idle timer in
        # our task: cancelled there, the timer would be lost and the connection never closed.
        with trio.CancelScope(shield=True):
            await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""
        length = (b"content-length", str(len(body)).encode())
        await self.start(status, [*headers, length])
        await self.write(b"" if self.scope["method"] == "HEAD" else body, more=False)

    async def fail(self, error: ContinuumError, dialect: Dialect) -> None:
        """Send an error as the caller's dialect words it."""
        headers = headers_of(error)
        if self.has_unread_body() and self.scope["http_version"].startswith("1"):
            headers.append((b"connection", b"close"))  # it will be closed: without a word the client would use it again
        await self.answer(status_of(error), headers, dialect.write_error(error))

    def has_unread_body(self) -> bool:
        """Whether some of the request's body is still to come."""
        if self.direct is not None:
            return False  # it knows better
        declared = self.headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in self.headers
        return declared and not self._body_read

    @property
    def result(self) -> int:
        """The status that counts."""
        return CLIENT_LEFT if self.client_left else self.status

    def log(self) -> None:
        """The request's line in the access log."""
        if self.direct is not None and self.direct.gone and not self.finished:
            self.client_left = True
        if not _access.isEnabledFor(logging.INFO):
            return
        reply, now = self.reply, trio.current_time()
        usage = reply.usage if reply is not None else None
        first = self._first_byte
        _access.info(
            "request",
            extra=fields(
                id=self.request_id,
                key=self.principal.key_id,
                method=self.scope["method"],
                route=self.scope["path"],
                status=self.result,
                model=reply.model if reply is not None else None,
                backend=reply.backend if reply is not None else None,
                attempts=reply.attempts if reply is not None else None,
                ttft_ms=None if first is None else round((first - self._began) * 1000, 1),
                total_ms=round((now - self._began) * 1000, 1),
                input_tokens=usage.input_tokens if usage is not None else None,
                output_tokens=usage.output_tokens if usage is not None else None,
            ),
        )


def made_id() -> str:
    """A name for a request that has none."""
    return f"req_{os.urandom(12).hex()}"


def _too_large(limit: int) -> ContentTooLarge:
    return ContentTooLarge(f"the body is over the limit of {limit} bytes (server.max_request_body)")
