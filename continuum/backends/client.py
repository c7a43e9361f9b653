"""One request to one backend: over any transport, with the answer decoded and bounded."""

from __future__ import annotations

import zlib
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import trio

from continuum.errors import UpstreamError, UpstreamProtocolError

if TYPE_CHECKING:
    from continuum.backends.transport import Incoming, Origin, Transport
    from continuum.config import Timeouts
    from continuum.providers import Headers

__all__ = ["MAX_BODY", "UpstreamClient", "UpstreamResponse"]

MAX_BODY = 32 * 1024 * 1024
"""Decoded bytes an answer may have."""

_DRAIN_TIMEOUT = 0.5
"""Seconds a complete answer gets to end its framing, so that its connection can be used again."""

_SLICE = 1024 * 1024
"""Bytes that are decoded at once, at most."""

_UNDECODABLE = "the backend's answer cannot be decoded"

_GZIP_OR_ZLIB = 47
"""zlib's window bits for "find out which"."""


class UpstreamResponse:
    """An answer whose head is here. Leaving `async with` closes it, whatever is still to come."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._coding = _coding(incoming.headers.get("content-encoding", ""))
        self._ended = False
        self._ahead = b""
        self.status = incoming.status
        self.headers = incoming.headers

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def prefetch(self) -> None:
        """Wait for the body's first bytes, which `receive` gives later: a head alone is no sign of an answer."""
        self._ahead = await self.receive()

    async def receive(self) -> bytes:
        """The next bytes of the body, decoded; b"" at its end. Raises UpstreamError."""
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            return ahead
        piece = await (self._incoming.receive() if self._coding is None else self._decoded(self._coding))
        self._ended = not piece
        return piece

    async def _decoded(self, coding: _Coding) -> bytes:
        """A slice at a time: a few bytes may say very much, and meanwhile others have their turn."""
        ended = False
        while True:
            piece = coding.unconsumed_tail
            if piece:
                await trio.lowlevel.checkpoint()
            elif not ended:
                piece = await self._incoming.receive()
                ended = not piece
            try:
                decoded = coding.decompress(piece, _SLICE)
            except zlib.error:
                raise UpstreamProtocolError(_UNDECODABLE) from None
            if decoded:
                return decoded
            if ended:
                break
        if not coding.eof:
            raise UpstreamProtocolError(_UNDECODABLE)
        return b""

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

    async def read_some(self, limit: int) -> bytes:
        """The body's beginning, as much as comes up to `limit` bytes; whatever goes wrong is its end."""
        pieces: list[bytes] = []
        size = 0
        try:
            while size < limit and (piece := await self.receive()):
                pieces.append(piece)
                size += len(piece)
        except UpstreamError:
            pass  # what is here must do
        return b"".join(pieces)[:limit]

    async def finish(self) -> None:
        """Close after all content was read: the framing's end is read too, so the connection can be kept."""
        try:
            if not self._ended:
                with trio.move_on_after(_DRAIN_TIMEOUT):
                    while await self.receive():
                        pass  # surplus is nobody's
        except UpstreamError:
            pass  # the content was complete; the connection is not kept
        finally:
            await self._incoming.aclose()

    async def aclose(self) -> None:
        """Close now; an answer that has not ended takes its connection along."""
        await self._incoming.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class _Coding(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _coding(encoding: str) -> _Coding | None:
    """Encodings are never asked for; gzip and deflate are read all the same."""
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return zlib.decompressobj(_GZIP_OR_ZLIB)
        case _:
            raise UpstreamProtocolError("the backend's answer is encoded in a way that was not asked for")


class UpstreamClient:
    """Sends requests over one transport; the caller sets the deadline by a cancel scope."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def send(
        self, origin: Origin, method: str, path: str, headers: Headers, content: bytes = b""
    ) -> UpstreamResponse:
        """Send and wait for the answer's head. Raises UpstreamError."""
        incoming = await self._transport.send(origin, method, path, headers, content)
        try:
            return UpstreamResponse(incoming)
        except UpstreamError:
            await incoming.aclose()
            raise

    def retune(self, times: Timeouts) -> None:
        """Go by another section from now on."""
        self._transport.retune(idle=times.idle, connect_timeout=times.connection)

    async def run(self) -> None:
        """The transport's housekeeping; lives until cancelled."""
        await self._transport.run()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()
