"""One request to one backend: the only place where a transport's errors become ours."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

import httpx
import trio

from continuum.errors import ConnectFailed, StaleConnection, UpstreamError, UpstreamProtocolError, UpstreamTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from continuum.providers import Headers

__all__ = ["MAX_BODY", "UpstreamClient", "UpstreamResponse"]

MAX_BODY = 32 * 1024 * 1024
"""Decoded bytes an answer may have."""

_CLOSE_TIMEOUT = 2.0
"""Seconds a connection gets to close once nobody waits for it."""

_DRAIN_TIMEOUT = 0.5
"""Seconds a complete answer gets to end its framing, so that its connection can be used again."""

_NO_ANSWER = "the backend closed the connection without an answer"
_BROKE_OFF = "the backend's answer broke off"

_BEFORE_HEAD: tuple[tuple[type[Exception], type[UpstreamError], str], ...] = (
    (httpx.ConnectTimeout, UpstreamTimeout, "no connection to the backend in time"),
    (httpx.ConnectError, ConnectFailed, "no connection to the backend"),
    (httpx.TimeoutException, UpstreamTimeout, "the backend did not answer in time"),
    (httpx.ReadError, StaleConnection, _NO_ANSWER),
    (httpx.WriteError, StaleConnection, _NO_ANSWER),
    (httpx.CloseError, StaleConnection, _NO_ANSWER),
    (httpx.RemoteProtocolError, UpstreamProtocolError, "the backend does not speak HTTP"),
    (httpx.HTTPError, UpstreamProtocolError, "the request to the backend failed"),
)
_IN_BODY: tuple[tuple[type[Exception], type[UpstreamError], str], ...] = (
    (httpx.TimeoutException, UpstreamTimeout, "the backend stopped sending"),
    (httpx.HTTPError, UpstreamProtocolError, _BROKE_OFF),
    (trio.ClosedResourceError, UpstreamProtocolError, _BROKE_OFF),
)
_SILENT_CLOSE = "without sending a response"
"""How httpcore words a connection that closed before the first byte of an answer."""


def _translate(fault: Exception, table: tuple[tuple[type[Exception], type[UpstreamError], str], ...]) -> UpstreamError:
    if isinstance(fault, httpx.RemoteProtocolError) and table is _BEFORE_HEAD and _SILENT_CLOSE in str(fault):
        return StaleConnection(_NO_ANSWER)
    kind, message = next((ours, text) for theirs, ours, text in table if isinstance(fault, theirs))
    return kind(message)


class UpstreamResponse:
    """An answer whose head is here. Leaving `async with` closes it, whatever is still to come."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers = response.headers
        stream = cast("httpx.AsyncByteStream", response.stream)
        decoded = "content-encoding" in response.headers
        self._pieces: AsyncIterator[bytes] = (response.aiter_bytes() if decoded else stream).__aiter__()
        self._ended = False

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    async def receive(self) -> bytes:
        """The next bytes of the body, decoded; b"" at its end. Raises UpstreamError."""
        try:
            return await self._pieces.__anext__()
        except StopAsyncIteration:
            self._ended = True
            return b""
        except (httpx.HTTPError, trio.ClosedResourceError) as fault:
            raise _translate(fault, _IN_BODY) from None

    async def read(self, limit: int = MAX_BODY) -> bytes:
        """The whole body. Raises UpstreamProtocolError when it is over `limit` bytes."""
        pieces: list[bytes] = []
        size = 0
        while piece := await self.receive():
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise UpstreamProtocolError("the backend's answer is too large")
        return b"".join(pieces)

    async def finish(self) -> None:
        """Close after all content was read: the framing's end is read too, so the connection can be kept."""
        with trio.move_on_after(_DRAIN_TIMEOUT):
            try:
                while not self._ended and await self.receive():
                    pass  # surplus bytes are nobody's
            except UpstreamError:
                pass  # the content was complete; the connection is not kept
        await self.aclose()

    async def aclose(self) -> None:
        """Close now; an answer that has not ended takes its connection along."""
        with trio.move_on_after(_CLOSE_TIMEOUT, shield=True):
            await cast("httpx.AsyncByteStream", self._response.stream).aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class UpstreamClient:
    """Sends requests over one transport; the caller sets the deadline by a cancel scope."""

    def __init__(self, transport: httpx.AsyncBaseTransport, *, connect_timeout: float) -> None:
        self._transport = transport
        self._extensions = {"timeout": {"connect": connect_timeout, "read": None, "write": None, "pool": None}}

    async def send(self, method: str, url: httpx.URL, headers: Headers, content: bytes = b"") -> UpstreamResponse:
        """Send and wait for the answer's head. Raises UpstreamError."""
        request = httpx.Request(method, url, headers=headers, content=content, extensions=self._extensions)
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.HTTPError as fault:
            raise _translate(fault, _BEFORE_HEAD) from None
        response.request = request
        return UpstreamResponse(response)

    async def aclose(self) -> None:
        """Close every connection."""
        with trio.move_on_after(_CLOSE_TIMEOUT, shield=True):
            await self._transport.aclose()
