"""Reading requests off a connection, and noticing when its other end is gone. What is answered is not known here."""

from dataclasses import dataclass

import trio

LIMIT_BYTES = 256 * 2**20


class MalformedRequest(Exception):
    """The caller does not speak HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Incoming:
    """The bytes of one connection that were read but not used yet."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = bytearray()

    async def request(self) -> Received | None:
        """The next whole request; None when the connection ends before it."""
        try:
            return await self._request()
        except EOFError:
            return None

    async def until_closed(self) -> None:
        """Return when the other end closes; bytes that come before are kept."""
        while await self._more():
            pass

    async def _request(self) -> Received:
        lines = (await self._until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        try:
            method, target, _version = lines[0].split(" ")
            fields = [line.split(":", 1) for line in lines[1:]]
            headers = tuple((name.lower(), value.strip()) for name, value in fields)
        except ValueError:
            raise MalformedRequest(lines[0]) from None
        known = dict(headers)
        if known.get("expect", "").lower() == "100-continue":
            await self._stream.send_all(b"HTTP/1.1 100 Continue\r\n\r\n")
        if known.get("transfer-encoding", "").lower() == "chunked":
            body = await self._chunks()
        else:
            body = await self._exactly(int(known.get("content-length", "0")))
        return Received(method, target, headers, body)

    async def _chunks(self) -> bytes:
        body = bytearray()
        while size := int((await self._until(b"\r\n")).partition(b";")[0], 16):
            body += await self._exactly(size)
            await self._until(b"\r\n")
        while await self._until(b"\r\n"):
            pass  # trailers
        return bytes(body)

    async def _until(self, mark: bytes) -> bytes:
        """Everything before the mark, which is dropped."""
        while (found := self._buffer.find(mark)) < 0:
            await self._more_or_end()
        taken = bytes(self._buffer[:found])
        del self._buffer[: found + len(mark)]
        return taken

    async def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._more_or_end()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def _more_or_end(self) -> None:
        if not await self._more():
            raise EOFError

    async def _more(self) -> bool:
        received = await self._stream.receive_some(2**16)
        self._buffer += received
        if len(self._buffer) > LIMIT_BYTES:
            raise MalformedRequest("too large")
        return bool(received)
