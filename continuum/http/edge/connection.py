"""One HTTP/1.1 connection: its requests one after the other, each given to the application in the connection's task.

A client that hangs up cancels what is done for it. Nothing here waits longer than the connection's `due`.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from math import inf
from socket import SHUT_WR
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import trio

from continuum.backends.transport.wire import TlsWire, Wire
from continuum.dialects import DIALECTS
from continuum.errors import CallerError, RequestTimeout
from continuum.http.edge.answer import CONTINUE, AnswerWriter
from continuum.http.edge.request import RequestReader
from continuum.http.errors import headers_of, status_of
from continuum.http.exchange import made_id

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    from continuum.config import Server
    from continuum.http.edge.request import Request
    from continuum.http.edge.watch import Watch

    App = Callable[[Any, Any, Any], Awaitable[None]]

__all__ = ["WRITE_TIMEOUT", "Connection", "Shared"]

_log = logging.getLogger("continuum.http")

WRITE_TIMEOUT = 60.0
"""Seconds in which a client must read something of what waits for it."""

_TURNS = 16
"""Steps without waiting after which others get their turn."""

_LINGER = 1.0
_MAX_LINGER = 1024 * 1024
"""Seconds, and bytes, for which a refused client is still listened to: cut off at once it would not see its answer."""

_PREFACE = b"PRI * HTTP/2.0\r\n\r\n"
"""How a client begins that knows HTTP/2 is spoken here."""

_ASGI = {"version": "3.0", "spec_version": "2.4"}


class Shared:
    """What the connections of one listener have in common. http2: takes over one whose client wants that;
    None without TLS.
    """

    __slots__ = ("app", "header_timeout", "http2", "keep_alive_timeout", "tls", "watch")

    def __init__(
        self,
        app: App,
        server: Server,
        watch: Watch,
        tls: ssl.SSLContext | None,
        http2: Callable[[Connection, bytes], Awaitable[None]] | None,
    ) -> None:
        self.app = app
        self.header_timeout = server.header_timeout
        self.keep_alive_timeout = server.keep_alive_timeout
        self.watch = watch
        self.tls = tls
        self.http2 = http2


class Connection:
    """Satisfies `watch.Watched`, and is the `receive` and `send` of its requests.

    gone: its client has hung up, or does not take what is sent. cancel_scope: of all that is done for it.
    """

    __slots__ = (
        "_answer",
        "_bad_body",
        "_body_told",
        "_client",
        "_http2",
        "_over",
        "_reader",
        "_request",
        "_server",
        "_shared",
        "_turn",
        "cancel_scope",
        "due",
        "gone",
        "idle",
        "wire",
    )

    def __init__(self, shared: Shared, connected: socket.socket) -> None:
        self._shared = shared
        self.wire = Wire(connected) if shared.tls is None else TlsWire(connected, shared.tls, None)
        self._client, self._server = _address(connected.getpeername()), _address(connected.getsockname())
        self._reader = RequestReader()
        self._request: Request
        self._answer: AnswerWriter
        self.cancel_scope = trio.CancelScope()
        self._over: trio.Event | None = None
        self._body_told = False
        self._bad_body: CallerError | None = None
        self._turn = 0
        self._http2 = False
        self.idle = True
        self.gone = False
        self.due = trio.current_time() + shared.header_timeout

    @property
    def socket(self) -> socket.socket:
        """The socket beneath."""
        return self.wire.socket

    def leave(self) -> None:
        """The client has hung up: whatever is done for it is not wanted any longer."""
        self.gone = True
        self.cancel_scope.cancel()

    def expire(self) -> None:
        """The client has let its time pass."""
        if self._http2:
            self.close()  # a cancellation does not get past hypercorn's shields
            return
        if self.idle and self._reader.begun:
            self._say_refusal(RequestTimeout("the request's head did not come in time"))
        self.gone = not self.idle
        self.cancel_scope.cancel()

    def close(self) -> None:
        """Close now, whoever waits for the socket."""
        if self.wire.socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self.wire.socket)
            self.wire.close()

    def yield_to_http2(self) -> None:
        """From now on somebody else reads and writes, and knows how long to wait for requests."""
        self._http2 = True
        self.idle = False
        self.due = inf

    async def run(self) -> None:
        """Serve until one side has enough."""
        watch = self._shared.watch
        watch.add(self)
        try:
            with self.cancel_scope, suppress(OSError, trio.ClosedResourceError):  # it has left, or was closed
                await self._serve()
        finally:
            watch.remove(self)
            self.close()

    async def _serve(self) -> None:
        wire, shared = self.wire, self._shared
        if isinstance(wire, TlsWire):
            await self._shake_hands(wire)
            if shared.http2 is not None and wire.protocol == "h2":
                await shared.http2(self, b"")
                return
        self.due = trio.current_time() + shared.keep_alive_timeout
        while True:
            try:
                request = await self._next_request()
            except CallerError as fault:
                self._say_refusal(fault)
                await self._linger()
                return
            if request is None:
                return
            await self._respond(request)
            answer = self._answer
            if not answer.ended:
                return  # only a cut connection still tells the client
            if not answer.keep_alive or not self._reader.ended:
                await self._linger()
                return
            if shared.watch.draining:
                return
            self.idle = True
            patience = shared.header_timeout if self._reader.begun else shared.keep_alive_timeout
            self.due = trio.current_time() + patience

    async def _shake_hands(self, wire: TlsWire) -> None:
        done = False
        while not done:
            done = wire.handshake()
            while not wire.flush():
                await trio.lowlevel.wait_writable(wire.socket)
            if not done:
                await trio.lowlevel.wait_readable(wire.socket)
                if not wire.hear():
                    raise OSError

    # Reading

    async def _next_request(self) -> Request | None:
        """The next request's head; None where no other comes. Raises CallerError."""
        reader = self._reader
        if reader.begun:
            await trio.lowlevel.checkpoint()  # a client that sends many at once must not keep everybody waiting
        request = reader.head() if reader.begun else None
        while request is None:
            fresh = not reader.begun
            data = await self.received()
            if not data:
                return None
            if fresh and (http2 := self._shared.http2) is not None and data.startswith(_PREFACE):
                await http2(self, data)
                return None
            reader.feed(data)
            request = reader.head()
            if fresh and request is None:
                self.due = trio.current_time() + self._shared.header_timeout
        self.idle = False
        self.due = inf
        return request

    async def received(self) -> bytes:
        """What comes next, b"" at the client's end."""
        wire = self.wire
        data: bytes | None = None
        if wire.ready:
            self._turn += 1
            if self._turn % _TURNS == 0:
                await trio.lowlevel.checkpoint()
            data = wire.read()
        while data is None:
            await trio.lowlevel.wait_readable(wire.socket)
            data = wire.read()
        return data

    def take(self) -> tuple[bytes, bool]:
        """What has come of the request's body, and whether that ends it. `receive` gives the rest: of a large body what
        had not come yet, or what others must not be kept waiting for. Raises InvalidRequest.
        """
        reader, wire = self._reader, self.wire
        pieces = [self._taken()]
        while not reader.ended and wire.ready and len(pieces) < _TURNS and (data := wire.read()):
            reader.feed(data)
            pieces.append(self._taken())
        self._body_told = reader.ended
        return b"".join(pieces), reader.ended

    def _taken(self) -> bytes:
        try:
            return self._reader.take()
        except CallerError as fault:
            self._bad_body = fault
            raise

    async def receive(self) -> Mapping[str, Any]:
        """ASGI's receive. Raises InvalidRequest for a body that is not well-formed."""
        reader = self._reader
        if not self._body_told:
            piece = self._taken()
            while not piece and not reader.ended:
                await self._let_send()
                data = await self.received()
                if not data:
                    self.gone = True
                    return {"type": "http.disconnect"}
                reader.feed(data)
                piece = self._taken()
            self._body_told = reader.ended
            return {"type": "http.request", "body": piece, "more_body": not reader.ended}
        if not self._answer.ended:
            self._over = trio.Event()
            await self._over.wait()
        return {"type": "http.disconnect"}

    async def _let_send(self) -> None:
        if self._request.expects:
            self._request.expects = False
            if not self._reader.begun:
                await self._write(CONTINUE)

    # Answering

    async def _respond(self, request: Request) -> None:
        self._request = request
        self._answer = AnswerWriter(
            keep_alive=request.keep_alive and not self._shared.watch.draining,
            minor=request.minor,
            bodyless=request.method == "HEAD",
        )
        self._body_told = False
        self._bad_body = None
        try:
            await self._shared.app(self._scope_of(request), self.receive, self.send)
        except (OSError, trio.ClosedResourceError):
            raise
        except Exception as fault:  # noqa: BLE001 - the outermost frame of a request: it alone fails
            bad_body = self._refused_body()
            if bad_body is not None:
                self._say_refusal(bad_body)
            else:
                _log.warning("a connection was cut: its request failed on %s", type(fault).__name__)
        finally:
            if self._over is not None:
                self._over.set()
                self._over = None

    def _refused_body(self) -> CallerError | None:
        """Why a body was not taken, where nothing was answered to it."""
        return None if self._answer.started else self._bad_body

    def _scope_of(self, request: Request) -> dict[str, Any]:
        raw, _, query = request.target.partition(b"?")
        path = raw.decode()
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "1.1" if request.minor else "1.0",
            "method": request.method,
            "scheme": "http" if self._shared.tls is None else "https",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw,
            "query_string": query,
            "root_path": "",
            "headers": request.fields,
            "client": self._client,
            "server": self._server,
            "extensions": {},
            "state": {},
            "continuum.headers": request.headers,
            "continuum.connection": self,
        }

    async def send(self, message: Mapping[str, Any]) -> None:
        """ASGI's send."""
        answer = self._answer
        if message["type"] == "http.response.start":
            answer.start(message["status"], message["headers"])
        elif not answer.ended:
            more = message.get("more_body", False)
            if not more and not self._body_told:
                self._skip_body()
            data = answer.body(cast("bytes", message.get("body", b"")), more=more)
            if data:
                await self._write(data)

    def _skip_body(self) -> None:
        """The answer ends without it: the connection lasts where no more of it is to come."""
        with suppress(CallerError):
            self._reader.take()
            self._body_told = self._reader.ended
        if not self._body_told:
            self._answer.keep_alive = False

    async def _write(self, data: bytes) -> None:
        """As `write_out`; a client that cannot be reached has left."""
        try:
            await self.write_out(data)
        except OSError:
            self.leave()
        self._turn += 1
        if self.gone or self._turn % _TURNS == 0:
            await trio.lowlevel.checkpoint()

    async def write_out(self, data: bytes) -> None:
        """Send at once what the socket takes, and wait only for the rest: so a client that reads slowly slows down
        whoever makes its answer, and one that does not read is overdue in time. Raises OSError.
        """
        wire = self.wire
        sent = wire.send(data)
        while not sent:
            self.due = trio.current_time() + WRITE_TIMEOUT
            await trio.lowlevel.wait_writable(wire.socket)
            sent = wire.flush()
            self.due = inf

    def _say_refusal(self, fault: CallerError) -> None:
        """Answer what did not become a request, as far as the socket takes it."""
        body = DIALECTS["openai_chat"].write_error(fault)
        status = status_of(fault)
        _log.debug("a request was refused before it was one: %s %s", status, fault.message)
        answer = AnswerWriter(keep_alive=False)
        identity = [(b"server", b"continuum"), (b"x-request-id", made_id().encode())]
        answer.start(status, [*headers_of(fault), *identity])
        try:
            self.wire.send(answer.body(body, more=False))
        except OSError:
            self.gone = True

    async def _linger(self) -> None:
        """Say goodbye, and let the client see it before the connection goes."""
        self.due = trio.current_time() + _LINGER
        self.wire.socket.shutdown(SHUT_WR)
        left = _MAX_LINGER
        while left > 0 and (data := await self.received()):
            left -= len(data)


def _address(name: tuple[Any, ...] | str) -> tuple[str, int] | None:
    return None if isinstance(name, str) else (name[0], name[1])
