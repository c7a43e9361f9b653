"""httpx behind our port: for proxies, HTTP/2, and clients that a host program brings along."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, cast

import httpx
import trio

from continuum.backends.transport.cause import Cause, connect_failed
from continuum.config.url import is_forbidden
from continuum.errors import ConnectFailed, UpstreamError, UpstreamProtocolError, UpstreamTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from continuum.backends.transport.port import Origin
    from continuum.providers import Headers

__all__ = ["StockTransport", "stock_transport"]

_CLOSE_TIMEOUT = 2.0
"""Seconds that closing may take."""

_FAULTS: tuple[tuple[type[Exception], type[UpstreamError], str], ...] = (
    (httpx.ConnectTimeout, UpstreamTimeout, "no connection to the backend in time"),
    (httpx.ProxyError, ConnectFailed, "the proxy gave no connection to the backend"),
    (httpx.TimeoutException, UpstreamTimeout, "the backend did not answer in time"),
    (httpx.HTTPError, UpstreamProtocolError, "the backend's answer broke off"),
    (trio.ClosedResourceError, UpstreamProtocolError, "the backend's answer broke off"),
)
_FOREIGN = (httpx.HTTPError, trio.ClosedResourceError, UnicodeError)
"""UnicodeError: the resolver's, of a name that cannot be asked for; httpx lets it through."""


def _ours(fault: Exception) -> UpstreamError:
    if isinstance(fault, UnicodeError):
        return connect_failed(fault)
    if isinstance(fault, httpx.ConnectError):
        return connect_failed(_root(fault))
    kind, message = next((ours, text) for theirs, ours, text in _FAULTS if isinstance(fault, theirs))
    return kind(message)


def _root(fault: BaseException) -> Exception:
    """What the system said, below the layers it came through."""
    if isinstance(fault, BaseExceptionGroup):  # one for each address of a name
        group = cast("BaseExceptionGroup[BaseException]", fault)
        return _root(group.exceptions[0])
    if isinstance(fault, OSError) and fault.errno is not None:
        return fault
    inner = fault.__cause__ or fault.__context__
    return OSError() if inner is None else _root(inner)


async def _refuse_forbidden(event: str, info: Mapping[str, Any]) -> None:
    """Httpcore's trace: called with the new stream before anything is sent over it."""
    if event != "connection.connect_tcp.complete":
        return
    stream = info["return_value"]
    address = stream.get_extra_info("server_addr")
    if address and is_forbidden(str(address[0])):
        await stream.aclose()
        raise connect_failed(Cause.FORBIDDEN)


def stock_transport(
    context: ssl.SSLContext,
    *,
    keepalive: int,
    idle: float,
    connect_timeout: float,
    proxy: str | None,
    http2: bool,
    socket: str | None = None,
) -> StockTransport:
    """Httpx's own transport: no environment, no redirects, no timeouts but for connecting (seconds).

    context: not shared with other transports, because httpx changes it. socket: path of a unix socket.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=keepalive, keepalive_expiry=idle)
    made = httpx.AsyncHTTPTransport(
        verify=context, trust_env=False, http2=http2, limits=limits, retries=0, proxy=proxy, uds=socket
    )
    return StockTransport(made, connect_timeout=connect_timeout, socket=socket, direct=proxy is None)


class StockTransport:
    """Satisfies `port.Transport` with any httpx transport that runs on trio.

    socket: the unix socket that it connects to. direct: it resolves names itself, so addresses are ours to judge.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        *,
        connect_timeout: float,
        socket: str | None = None,
        direct: bool = True,
    ) -> None:
        self._transport = transport
        self._socket = socket
        self._extensions: dict[str, Any] = {
            "timeout": {"connect": connect_timeout, "read": None, "write": None, "pool": None}
        }
        if direct:
            self._extensions["trace"] = _refuse_forbidden

    async def send(self, origin: Origin, method: str, path: str, headers: Headers, content: bytes) -> StockAnswer:
        """Send and wait for the answer's head."""
        if origin.socket != self._socket:
            raise ConnectFailed("the HTTP client in use does not reach the backend's unix socket")
        request = httpx.Request(
            method, origin.url + path, headers=headers, content=content, extensions=self._extensions
        )
        try:
            return StockAnswer(await self._transport.handle_async_request(request))
        except _FOREIGN as fault:
            raise _ours(fault) from None

    def retune(self, *, idle: float, connect_timeout: float) -> None:
        """Only connecting: httpx keeps idle connections as long as it was told when it was made."""
        del idle
        self._extensions["timeout"] = {**self._extensions["timeout"], "connect": connect_timeout}

    async def run(self) -> None:
        """Httpx keeps its own house."""
        await trio.sleep_forever()

    async def aclose(self) -> None:
        """Close every connection."""
        with trio.move_on_after(_CLOSE_TIMEOUT, shield=True):
            await self._transport.aclose()


class StockAnswer:
    """Satisfies `port.Incoming`."""

    def __init__(self, response: httpx.Response) -> None:
        self._stream = cast("httpx.AsyncByteStream", response.stream)
        self._pieces: AsyncIterator[bytes] = self._stream.__aiter__()
        self.status = response.status_code
        self.headers = dict(response.headers)

    async def receive(self) -> bytes:
        """More of the body, b"" at its end."""
        try:
            return await self._pieces.__anext__()
        except StopAsyncIteration:
            return b""
        except _FOREIGN as fault:
            raise _ours(fault) from None

    async def aclose(self) -> None:
        """Let go of the answer."""
        with trio.move_on_after(_CLOSE_TIMEOUT, shield=True):
            await self._stream.aclose()
