"""HTTP/2, which hypercorn speaks: its connection class over a wire of ours, with whatever it trips over kept from the
other connections, and nothing sent that is waited for without end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import hypercorn.config
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from continuum.http.head import MAX_HEAD

if TYPE_CHECKING:
    import socket

    from hypercorn.typing import ASGIFramework

    from continuum.config import Server
    from continuum.http.edge.connection import Connection

__all__ = ["Http2"]


class Http2:
    """Takes connections over from ours."""

    def __init__(self, app: object, server: Server) -> None:
        self._app = ASGIWrapper(cast("ASGIFramework", app))
        self._config = _config(server)
        self._context = WorkerContext(None)

    async def drain(self) -> None:
        """Close what is idle, and the others once they are."""
        await self._context.terminated.set()

    async def serve(self, connection: Connection, received: bytes) -> None:
        """Serve a connection whose first bytes these are, until one side has enough."""
        connection.yield_to_http2()
        stream = cast("trio.SSLStream[trio.SocketStream]", _Stream(connection, received))
        await _Server(self._app, self._config, self._context, ConnectionState({}), stream)


class _Server(TCPServer):
    """hypercorn's connection, over as soon as its client has left: by itself it waits for the idle timer first."""

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()


class _Stream(trio.abc.Stream):
    """A connection of ours as hypercorn wants a TLS stream to be, after the handshake."""

    def __init__(self, connection: Connection, received: bytes) -> None:
        self._connection = connection
        self._received = received

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
        if received:
            return received
        try:
            return await self._connection.received()
        except OSError as fault:
            raise trio.BrokenResourceError from fault

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
