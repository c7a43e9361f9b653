"""One connection to an origin: opened, used for one request at a time, closed at once when a caller gives up."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from typing import TYPE_CHECKING

import trio

from continuum.backends.transport.message import ResponseReader
from continuum.config.url import is_forbidden
from continuum.errors import ConnectFailed, StaleConnection, UpstreamProtocolError, UpstreamTimeout

if TYPE_CHECKING:
    from continuum.backends.transport.port import Origin

__all__ = ["Connection", "connect"]

_READ = 256 * 1024
_GONE = (OSError, ssl.SSLError, UnicodeError, trio.BrokenResourceError, trio.ClosedResourceError)
_NO_ANSWER = "the backend closed the connection without an answer"
_BROKE_OFF = "the backend's answer broke off"


class Connection:
    """A stream and the answer being read from it. idle_since: trio's clock, while nobody uses it."""

    def __init__(self, stream: trio.SocketStream | trio.SSLStream[trio.SocketStream]) -> None:
        self._stream = stream
        self._raw = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        self._reader = ResponseReader()
        self.idle_since = 0.0

    @property
    def alive(self) -> bool:
        """Whether the server has kept it open and silent while it was idle."""
        poll = select.poll()
        poll.register(self._raw.socket.fileno(), select.POLLIN)
        return not poll.poll(0)

    async def exchange(self, request: bytes) -> ResponseReader:
        """Send a request and read its answer's head. Raises StaleConnection when not one byte came back."""
        reader = self._reader = ResponseReader()
        with contextlib.suppress(*_GONE):  # it may have answered before it closed
            await self._stream.send_all(request)
        try:
            while not reader.has_head:
                data = await self._stream.receive_some(_READ)
                if not data:
                    reader.feed_eof()
                reader.feed(bytes(data))
        except UpstreamProtocolError:
            if not reader.started:
                raise StaleConnection(_NO_ANSWER) from None
            raise
        except _GONE:
            kind = UpstreamProtocolError if reader.started else StaleConnection
            raise kind(_BROKE_OFF if reader.started else _NO_ANSWER) from None
        return reader

    async def receive(self) -> bytes:
        """More of the body, b"" at its end. Raises UpstreamProtocolError."""
        reader = self._reader
        piece = reader.take()
        try:
            while not piece and not reader.ended:
                data = await self._stream.receive_some(_READ)
                if data:
                    reader.feed(bytes(data))
                else:
                    reader.feed_eof()
                piece = reader.take()
        except _GONE:
            raise UpstreamProtocolError(_BROKE_OFF) from None
        return piece

    @property
    def reusable(self) -> bool:
        """Whether its last answer is complete and the server keeps it open."""
        return self._reader.reusable

    def close(self) -> None:
        """Close now, without a word to the server."""
        self._raw.socket.close()


async def connect(origin: Origin, context: ssl.SSLContext, timeout: float) -> Connection:  # noqa: ASYNC109 - one phase
    """A new connection. Raises ConnectFailed; UpstreamTimeout after `timeout` seconds."""
    with trio.move_on_after(timeout):
        try:
            return Connection(await _open(origin, context))
        except _GONE as fault:
            secure = isinstance(fault, (ssl.SSLError, trio.BrokenResourceError))
            raise ConnectFailed("no secure connection to the backend" if secure else _reason(fault)) from None
    raise UpstreamTimeout("no connection to the backend in time")


def _reason(fault: BaseException) -> str:
    if isinstance(fault, (socket.gaierror, UnicodeError)):
        return "the backend's host name is not known"
    return "no connection to the backend"


async def _open(origin: Origin, context: ssl.SSLContext) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
    if origin.socket is not None:
        return await trio.open_unix_socket(origin.socket)
    stream = await trio.open_tcp_stream(origin.host, origin.port)
    if is_forbidden(str(stream.socket.getpeername()[0])):  # a name may resolve to what no configuration may name
        await trio.aclose_forcefully(stream)
        raise ConnectFailed("the backend's address is link-local or a metadata service")
    if origin.scheme != "https":
        return stream
    secure = trio.SSLStream(stream, context, server_hostname=origin.host, https_compatible=True)
    try:
        await secure.do_handshake()
    except BaseException:
        stream.socket.close()
        raise
    return secure
