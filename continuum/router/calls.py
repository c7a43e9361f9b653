"""Calls that a host program makes in-process: what it asks, what it gets, and that none outlives its router."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import msgspec
import trio

from continuum.chat import ChatRequest, ChatResponse, Message, Operation
from continuum.core import Call
from continuum.dialects import DIALECTS
from continuum.errors import InvalidRequest, ShuttingDown

if TYPE_CHECKING:
    from types import TracebackType

    from continuum.chat import Event
    from continuum.core import Reply
    from continuum.runtime import Instance

__all__ = ["Calls", "ChatStream"]

T = TypeVar("T")

_OPENAI: Final = DIALECTS["openai_chat"]
_OVER: Final = "the router was shut down during the call"


class Calls:
    """The calls of one router. check: raises ContinuumError where none can be made."""

    def __init__(self, instance: Instance, check: Callable[[], None]) -> None:
        self._instance = instance
        self._check = check
        self._scopes: set[trio.CancelScope] = set()
        self._quiet = trio.Event()

    def interrupt(self) -> None:
        """End those under way: each raises ShuttingDown."""
        for scope in self._scopes:
            scope.cancel()

    async def quiet(self) -> None:
        """Wait until none is under way."""
        while self._scopes:
            await self._quiet.wait()

    def call(self, request: ChatRequest | Mapping[str, Any], *, stream: bool) -> Call:
        """What is asked, as the engine takes it. Raises InvalidRequest naming the field."""
        request_id = f"req_{secrets.token_hex(12)}"
        default = self._instance.config.routing.default_model
        if isinstance(request, ChatRequest):
            _check(request)
            if not request.model and default is None:
                raise InvalidRequest("'model' is required", code="missing_required_parameter", param="model")
            return Call(
                Operation.CHAT,
                dialect=_OPENAI,
                model=request.model or default or "",
                stream=stream,
                show_usage=True,
                request_id=request_id,
                request=request,
            )
        envelope = _OPENAI.open_request(_encoded(request), default_model=default)
        return Call(
            Operation.CHAT,
            dialect=_OPENAI,
            model=envelope.model,
            stream=stream,
            show_usage=True,
            request_id=request_id,
            envelope=envelope,
        )

    async def chat(self, call: Call) -> ChatResponse:
        """The whole answer. Raises ContinuumError."""
        with self._bounded():
            async with await self._instance.engine.open(call) as reply:
                assert reply.body is not None, "it was not asked to stream"  # noqa: S101 - for the type checker
                return reply.dialect.read_response(reply.body)
        raise ShuttingDown(_OVER)

    async def open(self, call: Call) -> Reply:
        """The reply, once its first content is here. Raises ContinuumError."""
        return await self.within(lambda: self._instance.engine.open(call))

    async def within(self, step: Callable[[], Awaitable[T]]) -> T:
        """One step of a call. Raises ShuttingDown where the router's end comes first."""
        with self._bounded():
            return await step()
        raise ShuttingDown(_OVER)

    @contextmanager
    def _bounded(self) -> Generator[None]:
        """Left early when the router ends."""
        self._check()
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)
                self._quiet.set()
                self._quiet = trio.Event()


class ChatStream:
    """An answer as it comes: the events of continuum.chat. To be iterated once, in one task.

        async with router.stream(request) as stream:
            async for event in stream:
                ...

    Leaving the block early closes the upstream. What goes wrong is a ContinuumError: before the first content when
    the block is entered, after it (StreamBroken) while iterating.
    """

    def __init__(self, calls: Calls, call: Call) -> None:
        self._calls = calls
        self._call = call
        self._reply: Reply | None = None
        self._events: deque[Event] = deque()
        self._closed = False

    async def __aenter__(self) -> Self:
        await self._opened()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            try:
                reply = await self._opened()
                frames = await self._calls.within(reply.frames)
            except BaseException:
                await self.aclose()
                raise
            for frame in frames:
                self._events.extend(frame.events)
            if not frames:
                await self.aclose()
        return self._events.popleft()

    async def aclose(self) -> None:
        """Close the upstream, wherever the answer stands; what was not read yet is gone. Idempotent."""
        self._closed = True
        self._events.clear()
        reply, self._reply = self._reply, None
        if reply is not None:
            await reply.aclose()

    async def _opened(self) -> Reply:
        if self._reply is None:
            self._reply = await self._calls.open(self._call)
        return self._reply


def _check(request: ChatRequest) -> None:
    """For callers without a type checker: the two slips that are easily made."""
    if not isinstance(request.model, str):  # pyright: ignore[reportUnnecessaryIsInstance] - as said
        raise InvalidRequest("'model' must be a string", code="invalid_type", param="model")
    if not all(isinstance(each, Message) for each in request.messages):  # pyright: ignore[reportUnnecessaryIsInstance]
        what = "'messages' of a ChatRequest are Message objects; what OpenAI's API takes goes in as one mapping"
        raise InvalidRequest(what, code="invalid_type", param="messages")


def _encoded(request: Mapping[str, Any]) -> bytes:
    if not isinstance(request, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - who has no type checker
        raise InvalidRequest("a request is a ChatRequest or a mapping as OpenAI's API takes it", code="invalid_type")
    try:
        return msgspec.json.encode(dict(request))
    except (TypeError, ValueError, RecursionError) as fault:
        raise InvalidRequest(f"the request cannot be written as JSON: {fault}", code="invalid_json") from None
