"""One request between two loops: its ASGI messages, and what each side has to know of the other.

The host's side runs on asyncio, the router's on trio in another thread. Nothing piles up: what comes is asked for by
the message, what goes waits while too much of it is not sent yet.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Final

import trio

__all__ = ["Crossing", "Message"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_FULL: Final = 64 * 1024
"""Bytes not sent yet at which the router waits."""
_OVERHEAD: Final = 256
"""What a message counts beside its body."""


class Crossing:
    """Made on the host's side. started: whether the answer's head has crossed. fault: why the router's side failed."""

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self._token = token
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()  # the host's side has something to do
        self._lock = threading.Lock()  # of what both sides touch: the next five
        self._outbox: deque[Message] = deque()
        self._unsent = 0
        self._told = False
        self._asked = False
        self._over = False
        self._inbox: deque[Message] = deque()  # the router's side's own, as all below
        self._moved = trio.Event()
        self._left = False
        self._scope = trio.CancelScope()
        self.started = False
        self.fault: BaseException | None = None

    # The router's side.

    async def run(self, app: Callable[..., Awaitable[None]], scope: Message) -> None:
        """Have the request answered. What goes wrong is the host's to know."""
        fault: BaseException | None = None
        try:
            with self._scope:
                await app(scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001 - raised again on the host's side
            fault = error
        self.end(fault)

    async def receive(self) -> Message:
        """ASGI's receive."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._inbox and not self._left:
            self._tell(asked=True)
        while not self._inbox:
            if self._left:
                return {"type": "http.disconnect"}
            await self._moved.wait()
        return self._inbox.popleft()

    async def send(self, message: Message) -> None:
        """ASGI's send; returns when there is room for more. What is sent to a client that has left is dropped."""
        await trio.lowlevel.checkpoint()
        if self._left:
            return
        self._tell(message)
        while self._unsent >= _FULL and not self._left:
            await self._moved.wait()

    def end(self, fault: BaseException | None = None) -> None:
        """The router's side is done; also called when its loop is no more."""
        with self._lock:
            if self._over:
                return
            self._over, self.fault = True, fault
        self._tell()

    def _tell(self, message: Message | None = None, *, asked: bool = False) -> None:
        with self._lock:
            self._asked |= asked
            if message is not None:
                self._outbox.append(message)
                self._unsent += _weight(message)
            told, self._told = self._told, True
        if not told:
            try:
                self._loop.call_soon_threadsafe(self._news.set)
            except RuntimeError:  # its loop was closed under it
                self._leave()

    def _arrive(self, message: Message) -> None:
        self._inbox.append(message)
        self._move()

    def _leave(self) -> None:
        self._left = True
        self._move()

    def _move(self) -> None:
        self._moved.set()
        self._moved = trio.Event()

    # The host's side.

    async def serve(
        self, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Carry messages until the router's side is done. Raises what the host's `send` and `receive` do."""
        reading: asyncio.Task[None] | None = None
        try:
            while True:
                messages, asked, over = await self._next()
                for message in messages:
                    await self._send(message, send)
                if asked and (reading is None or reading.done()):
                    reading = asyncio.create_task(self._read(receive))
                if over and not messages:
                    return
        finally:
            self._on_the_other_side(self._scope.cancel)
            if reading is not None:
                reading.cancel()
                await asyncio.wait([reading])  # `await reading` would not tell its being cancelled from ours
                with suppress(asyncio.CancelledError, OSError):
                    reading.result()

    async def done(self) -> None:
        """Wait until the router's side is done; what it still sends is dropped."""
        self._on_the_other_side(self._leave)
        while not (await self._next())[2]:
            pass

    async def _next(self) -> tuple[list[Message], bool, bool]:
        """What is to be sent now, whether a message is asked for, and whether that was all."""
        while True:
            with self._lock:
                messages, asked, over = list(self._outbox), self._asked, self._over
                self._outbox.clear()
                self._asked = False
                if not (messages or asked or over):
                    self._told = False
                    self._news.clear()
            if messages or asked or over:
                return messages, asked, over
            await self._news.wait()

    async def _send(self, message: Message, send: Send) -> None:
        self.started = True
        await send(message)
        with self._lock:
            full = self._unsent >= _FULL
            self._unsent -= _weight(message)
            moved = full and self._unsent < _FULL
        if moved:
            self._on_the_other_side(self._move)

    async def _read(self, receive: Receive) -> None:
        try:
            message = await receive()
        except Exception:
            self._on_the_other_side(self._leave)
            raise
        self._on_the_other_side(self._arrive, message)
        if message["type"] == "http.disconnect":
            self._on_the_other_side(self._leave)

    def _on_the_other_side(self, step: Callable[..., object], *values: object) -> None:
        with suppress(trio.RunFinishedError):  # then nobody is there any more
            self._token.run_sync_soon(step, *values)


def _weight(message: Message) -> int:
    return len(message.get("body", b"")) + _OVERHEAD
