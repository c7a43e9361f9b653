"""Managed servers whose processes report to the test, over a connection that breaks when they end."""

import json
import os
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from patience import PATIENCE_S

from continuum.backends.managed import ManagedServer

CHILD = str(Path(__file__).with_name("managed_child.py"))


def by_trio(test: Callable[..., Any]) -> Callable[[], None]:
    """A test that is a coroutine function, run by trio with a deadline."""

    def run() -> None:
        async def bounded() -> None:
            with trio.fail_after(PATIENCE_S):
                await test()

        # It runs like the real one, and can be put forward.
        trio.run(bounded, clock=trio.testing.MockClock(rate=1))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@contextmanager
def stopped_clock() -> Generator[trio.testing.MockClock]:
    """However slow the machine is, no time passes in the block but what the clock jumps."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, trio.testing.MockClock)
    clock.rate = 0
    yield clock
    clock.rate = 1


class Leashed:
    """One child process as seen from its leash."""

    def __init__(self, about: dict[str, Any], stream: trio.SocketStream) -> None:
        self.pid: int = about["pid"]
        self.parent: int = about["parent"]
        self.port: int | None = about["port"]
        self.environ: dict[str, str] = about["environ"]
        self._stream = stream

    async def gone(self) -> None:
        """Wait for the end of the process."""
        try:
            while await self._stream.receive_some():
                pass
        except trio.BrokenResourceError:
            pass


class Kennel:
    """Where children report."""

    def __init__(self, listener: trio.SocketListener) -> None:
        self._listener = listener
        self.port: int = listener.socket.getsockname()[1]
        self._streams: list[trio.SocketStream] = []

    async def next(self) -> Leashed:
        """The next child that came up."""
        while True:
            stream = await self._listener.accept()
            self._streams.append(stream)
            heard = b""
            while (said := await stream.receive_some()) and b"\n" not in (heard := heard + said):
                pass
            if heard.startswith(b"{"):  # not somebody's who looks for a server that had this port before
                return Leashed(json.loads(heard), stream)

    def nobody_waits(self) -> bool:
        """Whether no further child has come up."""
        try:
            socket_copy = socket.socket(fileno=os.dup(self._listener.socket.fileno()))
            with socket_copy:
                socket_copy.settimeout(0)
                accepted, _ = socket_copy.accept()
                accepted.close()
        except BlockingIOError:
            return True
        return False

    async def aclose(self) -> None:
        await self._listener.aclose()
        for stream in self._streams:
            await trio.aclose_forcefully(stream)


@asynccontextmanager
async def kennel() -> AsyncGenerator[Kennel, None]:
    """A place for children to report to."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    place = Kennel(listener)
    try:
        yield place
    finally:
        await place.aclose()


def command(place: Kennel, *options: str) -> list[str]:
    """Of a child that reports there."""
    return [sys.executable, CHILD, "--leash", str(place.port), *options]


def managed(
    argv: list[str],
    *,
    url: str = "http://127.0.0.1:{port}",
    start_timeout: float = PATIENCE_S,
    idle_stop: float | None = None,
    environ: dict[str, str] | None = None,
) -> ManagedServer:
    """A server of this command that nobody owns yet."""
    surroundings = dict(os.environ) if environ is None else environ
    return ManagedServer("small", argv, url, "/health", start_timeout, idle_stop, surroundings)


@asynccontextmanager
async def owned(server: ManagedServer) -> AsyncGenerator[ManagedServer, None]:
    """It has an owner as long as the block lasts."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.run)
        try:
            yield server
        finally:
            nursery.cancel_scope.cancel()


def state_of(server: ManagedServer) -> str:
    return server.state


async def status_of(url: str) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(url)).status_code


async def crash(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(f"{url}/crash")
