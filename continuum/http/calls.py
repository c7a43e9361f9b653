"""A call that came over HTTP: read, handed to the engine, and its reply written back. One cancel scope owns a call:
its connection's where our own edge has it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio

from continuum.core import Call
from continuum.dialects.framing import all_server_sent, server_sent
from continuum.errors import ContinuumError, InvalidRequest, ShuttingDown, StreamBroken, UnsupportedMediaType
from continuum.http.errors import fallen, routed, standing_headers

if TYPE_CHECKING:
    from continuum.core import Operation, Reply
    from continuum.dialects import Dialect
    from continuum.http.exchange import Exchange, Headers
    from continuum.runtime import Instance

__all__ = ["answer_call"]

_LAST_WORDS = 1.0
"""Seconds in which a client must take what is said to it when the process cannot wait any longer."""
_STOPPING = "the router is stopping and could not wait for this answer any longer"

_JSON: Headers = [(b"content-type", b"application/json")]
_SSE: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


async def answer_call(exchange: Exchange, instance: Instance, operation: Operation, dialect: Dialect) -> None:
    """Answer one call; the caller's leaving cancels it, upstream included. Raises ContinuumError for what is no
    call.
    """
    server = instance.config.server
    _check_media_type(exchange)
    body = await exchange.body(server.max_request_body, server.body_timeout)
    config = instance.config
    routing = config.routing
    call = Call.of_body(
        operation,
        dialect,
        dialect.open_request(body, default_model=routing.default_model),
        request_id=exchange.request_id,
        affinity=exchange.first_of(routing.affinity_headers),
        principal=exchange.principal,
        client=exchange.client,
        timeout=_timeout(exchange),
    )
    if call.stream:
        exchange.hold_head(_SSE, config.timeouts.of(call.model).streaming.hold_head)
    failure: ContinuumError | None = None
    if exchange.direct is not None:
        exchange.cancel_scope = exchange.direct.cancel_scope
        failure = await _attempt(exchange, instance, call)
    else:
        async with trio.open_nursery() as nursery:
            exchange.cancel_scope = nursery.cancel_scope
            nursery.start_soon(_leave_with_client, exchange, nursery.cancel_scope)
            failure = await _attempt(exchange, instance, call)
            nursery.cancel_scope.cancel()
    if failure is not None:
        await _tell(exchange, dialect, failure)


async def _attempt(exchange: Exchange, instance: Instance, call: Call) -> ContinuumError | None:
    """Answer. The failure is returned, since a nursery would wrap it in a group; and raised by the caller it would
    hold, in its traceback, the frame that holds it: no body waits until the collector has found that.
    """
    try:
        async with await instance.engine.open(call) as reply:
            exchange.reply = reply
            await _write(exchange, call, reply)
    except ContinuumError as fault:
        return fault
    except trio.Cancelled:
        if exchange.interrupted and not exchange.finished:
            with trio.move_on_after(_LAST_WORDS, shield=True):
                await _tell(exchange, call.dialect, ShuttingDown(_STOPPING))
        raise
    return None


async def _tell(exchange: Exchange, dialect: Dialect, failure: ContinuumError) -> None:
    """Instead of an answer, or at the end of what there is of it."""
    if exchange.status:
        await exchange.write(server_sent(dialect.write_error(failure)), more=False)
    else:
        await exchange.fail(failure, dialect)


async def _leave_with_client(exchange: Exchange, scope: trio.CancelScope) -> None:
    """Other servers drop what is sent to a client that has gone without a word: only `receive` tells."""
    while (await exchange.receive())["type"] != "http.disconnect":
        pass
    if not exchange.finished:
        exchange.client_left = True
        scope.cancel()


def _timeout(exchange: Exchange) -> float | None:
    """Seconds that the caller gives its call."""
    asked = exchange.headers.get(b"x-request-timeout")
    if asked is None:
        return None
    try:
        seconds = float(asked)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InvalidRequest("X-Request-Timeout must be a number of seconds above 0", code="invalid_value")
    return seconds


def _check_media_type(exchange: Exchange) -> None:
    encoding = exchange.headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"identity", b""):
        raise UnsupportedMediaType("encoded bodies are not read here: send it without Content-Encoding")
    kind = exchange.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        # Without this a web page could post here: only this type makes browsers ask first.
        raise UnsupportedMediaType("send the body as Content-Type: application/json")


def _routed_by(reply: Reply) -> Headers:
    chosen = routed(reply.backend, reply.model, reply.attempts)
    return [*chosen, *fallen(reply.fallback), *standing_headers(reply.standing)]


async def _write(exchange: Exchange, call: Call, reply: Reply) -> None:
    same = reply.dialect is call.dialect
    if reply.body is not None:
        body = reply.body if same else call.dialect.write_response(reply.dialect.read_response(reply.body))
        await reply.aclose()  # a client that reads slowly must not hold the backend
        await exchange.answer(200, [*_JSON, *_routed_by(reply)], body)
        return
    writer = None if same else call.dialect.writer()
    await exchange.start(200, [*_SSE, *_routed_by(reply)])
    whole = False
    try:
        while not whole:
            frames = await reply.frames()
            whole = reply.whole
            if writer is None:
                payloads = [frame.raw for frame in frames]
            else:
                written = [writer.write(event) for frame in frames for event in frame.events]
                payloads = [payload for payload in written if payload is not None]
            if whole:
                payloads.append(call.dialect.done)
            await exchange.write(all_server_sent(payloads), more=not whole)
    except StreamBroken as fault:  # told in-band, and nothing after it: a cut answer never looks complete
        await exchange.write(server_sent(call.dialect.write_error(fault)), more=False)
