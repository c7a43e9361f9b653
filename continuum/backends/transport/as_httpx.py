"""Our transport behind httpx's face: a stock `httpx.AsyncClient(transport=...)` works over it, on trio."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Self, cast

import httpx
import trio

from continuum.backends.transport.port import Origin
from continuum.errors import ConnectFailed, UpstreamError, UpstreamTimeout

if TYPE_CHECKING:
    from continuum.backends.transport.port import Incoming, Transport

__all__ = ["HttpxTransport"]

_OURS = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection"})
"""Headers that the transport writes by itself."""

_PORTS = {"http": 80, "https": 443}

_FAULTS: tuple[tuple[type[UpstreamError], type[httpx.TransportError]], ...] = (
    (ConnectFailed, httpx.ConnectError),
    (UpstreamTimeout, httpx.ConnectTimeout),
    (UpstreamError, httpx.RemoteProtocolError),
)


class HttpxTransport(httpx.AsyncBaseTransport):
    """Carries httpx's requests. Their bodies are sent whole; the fields of an answer that stand more than once come
    as one list. Of httpx's timeouts `read` holds between two signs of life, all of them together until the head.
    """

    def __init__(self, transport: Transport) -> None:
        """transport: whose `run` the caller keeps going, and which `aclose` closes."""
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send and wait for the answer's head. Raises httpx.TransportError."""
        url = request.url
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol("http and https are spoken here", request=request)
        origin = Origin(url.scheme, url.raw_host.decode(), url.port or _PORTS[url.scheme])
        headers = [(name, value) for name, value in request.headers.raw if name.lower() not in _OURS]
        times = cast("dict[str, float | None]", request.extensions.get("timeout", {}))
        content = await request.aread()
        with trio.move_on_after(sum(inf if each is None else each for each in times.values()) if times else inf):
            try:
                incoming = await self._transport.send(origin, request.method, url.raw_path.decode(), headers, content)
            except UpstreamError as fault:
                raise _theirs(fault) from None
            body = _Body(incoming, times.get("read"))
            return httpx.Response(incoming.status, headers=list(incoming.headers.items()), stream=body)
        raise httpx.ReadTimeout("the answer did not begin in time", request=request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, incoming: Incoming, gap: float | None) -> None:
        self._incoming = incoming
        self._gap = inf if gap is None else gap

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        with trio.move_on_after(self._gap):
            try:
                piece = await self._incoming.receive()
            except UpstreamError as fault:
                raise _theirs(fault) from None
            if piece:
                return piece
            raise StopAsyncIteration
        raise httpx.ReadTimeout("the answer did not go on in time")

    async def aclose(self) -> None:
        await self._incoming.aclose()


def _theirs(fault: UpstreamError) -> httpx.TransportError:
    kind = next(theirs for ours, theirs in _FAULTS if isinstance(fault, ours))
    return kind(fault.message)
