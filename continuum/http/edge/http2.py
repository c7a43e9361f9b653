"""HTTP/2, which hypercorn speaks: its connection class over a wire of ours, with whatever it trips over kept from the
other connections, and nothing sent that is waited for without end.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import hypercorn.config
import trio
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.events import RawData
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.h2 import BUFFER_HIGH_WATER, BUFFER_LOW_WATER, BufferCompleteError, StreamBuffer
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from continuum.http.edge.connection import WRITE_TIMEOUT
from continuum.http.edge.frames import FrameReader
from continuum.http.head import MAX_HEAD
from continuum.resilience.token_bucket import TokenBucket

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from hypercorn.protocol.h2 import H2Protocol
    from hypercorn.typing import ASGIFramework, Event

    from continuum.config import Server
    from continuum.http.edge.connection import Connection
    from continuum.http.edge.frames import Frame

__all__ = ["Http2"]

_IDLE_RATE = 20.0
_IDLE_BURST = 400
"""Frames a second, and at once, that bring no request further: a client that gives up all of its hundred streams again
and again is cut off before the requests it never meant cost more than others' do.
"""


class Http2:
    """Takes connections over from ours. patience: seconds that a stream's client has for taking something of it."""

    def __init__(self, app: object, server: Server, *, patience: float = WRITE_TIMEOUT) -> None:
        self._patience = patience
        self._app = ASGIWrapper(cast("ASGIFramework", app))
        self._config = _config(server)
        self._context = WorkerContext(None)

    async def drain(self) -> None:
        """Close what is idle, and the others once they are."""
        await self._context.terminated.set()

    async def serve(self, connection: Connection, received: bytes) -> None:
        """Serve a connection whose first bytes these are, until one side has enough."""
        connection.yield_to_http2()
        stream = _Stream(connection, received)
        socket = cast("trio.SSLStream[trio.SocketStream]", stream)
        server = _Server(self._app, self._config, self._context, ConnectionState({}), socket)
        server.room, server.patience = stream.room, self._patience
        await server


class _Buffer(StreamBuffer):
    """What of a stream waits for room. hypercorn's own takes an attempt to send nothing for a sign that there is room:
    a client that does not read would have whole answers kept for it.
    """

    async def push(self, data: bytes) -> None:
        if self._complete:
            raise BufferCompleteError
        self.buffer.extend(data)
        await self._is_empty.clear()
        if len(self.buffer) >= BUFFER_HIGH_WATER:
            await self._paused.clear()
            await self._paused.wait()

    async def pop(self, max_length: int) -> bytes:
        data = bytes(self.buffer[:max_length])
        del self.buffer[:max_length]
        if len(self.buffer) < BUFFER_LOW_WATER:
            await self._paused.set()
        if not self.buffer:
            await self._is_empty.set()
        return data


class _Buffers(dict[int, StreamBuffer]):
    """Of one connection, by stream: each is ours, whichever is put in."""

    def __init__(self, event_class: type[Event]) -> None:
        super().__init__()
        self._event_class = event_class

    def __setitem__(self, number: int, buffer: StreamBuffer) -> None:
        super().__setitem__(number, _Buffer(self._event_class))


class _Server(TCPServer):
    """hypercorn's connection, over as soon as its client has left: by itself it waits for the idle timer first. And it
    waits without end for a client that gives a stream no room: here such a stream is reset.
    room: how often the client gave each stream some.
    """

    room: Counter[int]
    patience: float

    async def _read_data(self) -> None:
        protocol = cast("H2Protocol", self.protocol.protocol)
        protocol.stream_buffers = _Buffers(self.context.event_class)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._reset_stuck, protocol)
            await super()._read_data()
            nursery.cancel_scope.cancel()
        await self.idle_task.stop()

    async def _reset_stuck(self, protocol: H2Protocol) -> None:
        """Where something waits to be sent, something must be sent, or room for it be given, between two looks."""
        seen: dict[int, tuple[int, int, int]] = {}
        while True:
            await trio.sleep(self.patience / 2)
            before, seen = seen, {}
            for number, buffer in list(protocol.stream_buffers.items()):
                with suppress(ProtocolError):  # it is closed
                    window = protocol.connection.local_flow_control_window(number)
                    seen[number] = len(buffer.buffer), window, self.room[number]
                if buffer.buffer and number in seen and before.get(number) == seen[number]:
                    await self._reset(protocol, number, buffer)
            for number in self.room.keys() - seen.keys():
                del self.room[number]

    async def _reset(self, protocol: H2Protocol, number: int, buffer: StreamBuffer) -> None:
        with suppress(ProtocolError):  # it was closed meanwhile
            protocol.connection.reset_stream(number, ErrorCodes.CANCEL)
        await buffer.close()
        await protocol.stream_send(StreamClosed(stream_id=number))
        await self.protocol_send(RawData(protocol.connection.data_to_send()))


class _Stream(trio.abc.Stream):
    """A connection of ours as hypercorn wants a TLS stream to be, after the handshake."""

    def __init__(self, connection: Connection, received: bytes) -> None:
        self._connection = connection
        self._received = received
        self._frames = FrameReader()
        self._patience = TokenBucket(_IDLE_RATE, _IDLE_BURST, trio.current_time())
        self.room: Counter[int] = Counter()

    @property
    def transport_stream(self) -> _Stream:
        return self

    @property
    def socket(self) -> socket.socket:
        return self._connection.socket

    async def do_handshake(self) -> None:
        await trio.lowlevel.checkpoint()

    def selected_alpn_protocol(self) -> str:
        return "h2"

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        del max_bytes
        received, self._received = self._received, b""
        if not received:
            try:
                received = await self._connection.received()
            except OSError as fault:
                raise trio.BrokenResourceError from fault
        self._judge(self._frames.feed(received))
        return received

    def _judge(self, frames: Sequence[Frame]) -> None:
        self.room.update(frame.stream for frame in frames if frame.gives_room)
        idle = sum(frame.idle for frame in frames)
        if idle and not self._patience.take(idle, trio.current_time()):
            raise trio.BrokenResourceError("more resets and the like than any client needs")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            await self._connection.write_out(bytes(data))
        except OSError as fault:
            raise trio.BrokenResourceError from fault

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        self._connection.close()
        await trio.lowlevel.checkpoint()


def _config(server: Server) -> hypercorn.config.Config:
    config = hypercorn.config.Config()
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_timeout = server.keep_alive_timeout
    config.keep_alive_max_requests = 1_000_000
    config.h2_max_header_list_size = MAX_HEAD
    return config
