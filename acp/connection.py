"""Messages to handlers, handlers' outcomes to answers: one answer for each request, whatever happens in between."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Mapping
from typing import Final

import trio

from continuum.errors import ContinuumError

from .agent import Agent
from .inbound import Inbound
from .jsonrpc import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    REQUEST_CANCELLED,
    Invalid,
    Message,
    MessageReader,
    Notification,
    Request,
    RequestId,
    Response,
    RpcError,
    encode_error,
    encode_result,
)
from .router import AcpMethodRouter, Answer, Method
from .transport.stdio import StdioTransport

__all__ = ["Connection"]

_log: Final = logging.getLogger("continuum.acp")


class Connection:
    """One client's messages, in their order. `nursery` is where requests that must wait are worked on."""

    def __init__(self, agent: Agent, transport: StdioTransport, router: AcpMethodRouter, nursery: trio.Nursery) -> None:
        self._agent = agent
        self._transport = transport
        self._router = router
        self._nursery = nursery

    async def run(self) -> None:
        """Take messages until the client sends no more."""
        reader = MessageReader()
        while data := await self._transport.receive():
            for message in reader.feed(data):
                self._take(message)
        for message in reader.finish():
            self._take(message)
        self._agent.client.gone()

    def _take(self, message: Message) -> None:
        match message:
            case Request():
                self._request(message)
            case Notification():
                self._notification(message)
            case Invalid(code, reason, ident):
                self._transport.post(encode_error(ident, code, reason))
            case Response():
                self._agent.client.deliver(message)

    def _request(self, request: Request) -> None:
        call = Inbound(request.id, request.params)
        try:
            method = self._admit(request)
            outcome = self._router.handler(method)(self._agent, call)
        except Exception as error:  # noqa: BLE001 (the transport's outermost frame: the process survives a method)
            self._transport.post(_refusal(request.id, error))
            return
        if isinstance(outcome, Mapping):
            self._transport.post(encode_result(request.id, outcome))
        else:
            if call.ahead:
                self._transport.hold()
            self._agent.in_flight.add(call)
            self._nursery.start_soon(self._finish, call, outcome)

    def _admit(self, request: Request) -> Method:
        if request.id in self._agent.in_flight:
            raise RpcError(INVALID_REQUEST, "Invalid request: a request of this id is still being worked on")
        method = self._router.find(request.method)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, "Method not found", {"method": request.method[:256]})
        if not (method.early or self._agent.initialized.is_set()):
            raise RpcError(INVALID_REQUEST, "Invalid request: initialize comes first")
        if self._agent.in_flight.full:
            raise RpcError(INTERNAL_ERROR, "Too many requests at once")
        return method

    async def _finish(self, call: Inbound, outcome: Awaitable[Answer]) -> None:
        try:
            answer = _cancelled(call)  # what holds if the scope ends early
            with call.scope:
                answer = encode_result(call.id, await outcome)
        except Exception as error:  # noqa: BLE001 (as in _request)
            answer = _refusal(call.id, error)
            call.afterwards = None
        finally:
            self._agent.in_flight.remove(call)
        self._transport.post(answer, ahead=call.ahead)
        if call.afterwards is not None and not call.scope.cancelled_caught:
            await call.afterwards()

    def _notification(self, message: Notification) -> None:
        """Nobody is told of a fault here: JSON-RPC has no answer to a notification."""
        method = self._router.find(message.method)
        if method is None or not method.notification:
            return
        try:
            self._router.handler(method)(self._agent, Inbound(None, message.params))
        except Exception as error:  # noqa: BLE001 (as in _request)
            _log.debug("%s ignored: %s", method.name, type(error).__name__)


def _cancelled(call: Inbound) -> bytes:
    if call.if_cancelled is not None:
        return encode_result(call.id, call.if_cancelled)
    return encode_error(call.id, REQUEST_CANCELLED, "Request cancelled")


def _refusal(ident: RequestId, error: Exception) -> bytes:
    match error:
        case RpcError():
            return encode_error(ident, error.code, error.message, error.data)
        case ContinuumError():
            wait = {} if error.retry_after is None else {"retryAfter": max(1, math.ceil(error.retry_after))}
            return encode_error(ident, error.rpc_code, error.message, {"code": error.code, **wait})
        case _:
            _log.error("a request failed", exc_info=error)
            return encode_error(ident, INTERNAL_ERROR, "Internal error")
