"""A stdio MCP server as a process of ours, between its pipes and the official client: what it may not do ends it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Final

import anyio
import trio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCRequest, JSONRPCResponse
from mcp_types.jsonrpc import jsonrpc_message_adapter

from continuum.children import Guarded, Redactor

from ..servers import Server, ServerFault
from ..tools.environment import command_environment

__all__ = ["open_process"]

_LONGEST_LINE: Final = 8 * 1024 * 1024
_MOST_NOISE: Final = 20  # lines that are no message: a banner is forgiven
_MOST_UNASKED: Final = 2000  # messages of its own accord within _WINDOW
_WINDOW: Final = 2.0  # seconds
_END_GRACE: Final = 0.4  # seconds to leave by itself once its input has ended, and again after SIGTERM
_READ_SIZE: Final = 65536
_KEPT_STDERR: Final = 4096

_Messages = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]


@asynccontextmanager
async def open_process(server: Server, cwd: str) -> AsyncGenerator[_Messages]:
    """The client's ends of a running server; leaving ends it with all that it started. ServerFault: it cannot run."""
    spec = server.spec
    argv = [spec.command, *spec.args]
    try:
        environment = {**command_environment(os.environ), **spec.environment}
        guarded = await Guarded.start(argv, grace=_END_GRACE, environment=environment, cwd=cwd, talking=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "a NUL byte in its command"
        raise ServerFault(f"cannot be started: {reason}") from None
    running = _Running(server, guarded, Redactor({**os.environ, **spec.environment}, argv))
    to_client, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    to_server, from_client = anyio.create_memory_object_stream[SessionMessage](0)
    async with to_client, from_server, to_server, from_client, trio.open_nursery() as nursery:
        try:
            nursery.start_soon(running.read, to_client)
            nursery.start_soon(running.write, from_client)
            nursery.start_soon(running.hear)
            yield from_server, to_server
        finally:
            await running.end()
            nursery.cancel_scope.cancel()


class _Running:
    def __init__(self, server: Server, guarded: Guarded, redact: Redactor) -> None:
        if guarded.talk is None:
            raise ValueError("a server is talked to")
        self._server = server
        self._guarded = guarded
        self._stdin, self._stderr = guarded.talk
        self._redact = redact
        self._judge = _Judge()
        self._last_words = b""
        self._ending = False

    async def read(self, to_client: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        """Its messages to the client, until it ends or misbehaves."""
        async with to_client:
            try:
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError, anyio.BrokenResourceError):
                    await self._pass_on(to_client)
                await self._obituary()
            except ServerFault as fault:
                self._server.fail(str(fault))

    async def _pass_on(self, to_client: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        pieces: list[bytes] = []
        held = 0
        while data := bytes(await self._guarded.output.receive_some(_READ_SIZE)):
            *ended, rest = data.split(b"\n")
            for line in ended:
                message = self._judge.message(b"".join([*pieces, line]))
                pieces, held = [], 0
                if message is not None:
                    await to_client.send(message)
            pieces.append(rest)
            held += len(rest)
            if held > _LONGEST_LINE:
                raise ServerFault("it sent a line without end")

    async def _obituary(self) -> None:
        if self._ending:
            return
        with trio.move_on_after(_END_GRACE):
            await self._guarded.ended()
        how = _in_words(self._guarded.fate)
        words = self._redact(self._last_words.decode("utf-8", "replace").strip().rpartition("\n")[2])
        self._server.fail(f"{how}: {words}" if words else how)

    async def write(self, from_client: MemoryObjectReceiveStream[SessionMessage]) -> None:
        """The client's messages to it. A server that is gone is noticed by reading."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for sent in from_client:
                message = sent.message
                self._judge.sent(message)
                line = message.model_dump_json(by_alias=True, exclude_unset=True)
                await self._stdin.send_all(line.encode() + b"\n")

    async def hear(self) -> None:
        """Keep its last words; they say why it ended."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await self._stderr.receive_some(_READ_SIZE):
                self._last_words = (self._last_words + data)[-_KEPT_STDERR:]

    async def end(self) -> None:
        """Close its input, then end it and all that it started; done when it is gone."""
        self._ending = True
        with trio.CancelScope(shield=True):
            await self._stdin.aclose()
            with trio.move_on_after(_END_GRACE):
                await self._guarded.ended()
            await self._guarded.stop()


def _in_words(fate: str) -> str:
    match fate.split():
        case ["exit", status]:
            return f"it ended with status {status}"
        case ["signal", number]:
            return f"it was ended by signal {number}"
        case ["unrunnable", number]:
            return f"cannot be started: {os.strerror(int(number))}"
        case _:
            return "it closed its output"


class _Judge:
    """What a server says, held against what it was asked."""

    def __init__(self) -> None:
        self._asked: set[int | str] = set()
        self._noise = 0
        self._unasked = 0
        self._since = trio.current_time()

    def sent(self, message: object) -> None:
        """This goes to it."""
        if isinstance(message, JSONRPCRequest):
            self._asked.add(message.id)

    def message(self, line: bytes) -> SessionMessage | None:
        """A line of its output; None for a little noise. ServerFault: it has gone too far."""
        if not line.strip():
            return None
        try:
            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:
            self._noise += 1
            if self._noise > _MOST_NOISE:
                raise ServerFault("it prints what is no MCP message") from None
            return None
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            if message.id not in self._asked:
                raise ServerFault("it answers what it was not asked")
            self._asked.discard(message.id)
        else:
            self._count()
        return SessionMessage(message)

    def _count(self) -> None:
        now = trio.current_time()
        if now - self._since > _WINDOW:
            self._since, self._unasked = now, 0
        self._unasked += 1
        if self._unasked > _MOST_UNASKED:
            raise ServerFault("it floods: thousands of messages that nobody asked for")
