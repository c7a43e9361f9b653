"""The serving side: connections accepted and handed to hypercorn, and the drain when a signal comes."""

from __future__ import annotations

import logging
import os
import signal
from functools import partial
from typing import TYPE_CHECKING, cast

import hypercorn.config
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState

from continuum.http.head import MAX_HEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from continuum.config import Server
    from continuum.http.app import App
    from continuum.http.sockets import Listener

__all__ = ["serve"]

_log = logging.getLogger("continuum.http")

_LAST_WORDS = 1.0
"""Seconds that interrupted requests get to tell their clients."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def serve(
    app: App, server: Server, listeners: list[Listener], *, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until SIGTERM or SIGINT, then let open requests finish for `server.shutdown_grace` seconds.

    ready: called once connections are accepted. A second signal ends the process at once.
    """

    async def end_in_time() -> None:
        await draining.wait()
        await trio.sleep(server.shutdown_grace)
        app.interrupt()
        await trio.sleep(_LAST_WORDS + 1)
        _log.warning("a client that does not read keeps its connection: ending without it")
        os._exit(0)  # hypercorn shields its sends: nothing else gets past one that hangs

    draining = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_watch_signals, app, server.drain_delay, draining)
        nursery.start_soon(end_in_time)
        await _work(app, server, listeners, draining, ready)
        nursery.cancel_scope.cancel()
    _log.info("stopped")


async def _watch_signals(app: App, delay: float, draining: trio.Event) -> None:
    async def drain() -> None:
        app.drain()
        await trio.sleep(delay)
        draining.set()

    with trio.open_signal_receiver(*_SIGNALS) as signals:
        async with trio.open_nursery() as nursery:
            signalled = False
            async for number in signals:
                if signalled:
                    os._exit(128 + number)  # the user means it
                signalled = True
                _log.info("draining: open requests finish, a second signal exits now")
                nursery.start_soon(drain)


async def _work(
    app: App, server: Server, listeners: list[Listener], draining: trio.Event, ready: Callable[[], None]
) -> None:
    """Accept until draining, then wait for the connections that are open, up to the grace and its last words."""
    context = WorkerContext(None)
    make = partial(_Connection, ASGIWrapper(app), _hypercorn(server), context, ConnectionState({}))
    slots = trio.Semaphore(server.max_connections)
    handler = partial(_converse, make, slots)
    accepting = [_Slotted(listener.accepting(), slots) for listener in listeners]
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as doors:
            doors.start_soon(partial(trio.serve_listeners, handler, accepting, handler_nursery=connections))
            ready()
            await draining.wait()
            doors.cancel_scope.cancel()
        await context.terminated.set()  # idle connections close
        connections.cancel_scope.deadline = trio.current_time() + server.shutdown_grace + _LAST_WORDS


_Accepting = trio.SocketListener | trio.SSLListener[trio.SocketStream]


class _Slotted(trio.abc.Listener[trio.abc.Stream]):
    """A listener that waits for a free slot before it goes on accepting."""

    def __init__(self, listener: _Accepting, slots: trio.Semaphore) -> None:
        self._listener = listener
        self._slots = slots

    async def accept(self) -> trio.abc.Stream:
        """The next connection; its handler gives the slot back."""
        stream = await self._listener.accept()
        try:
            await self._slots.acquire()
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return stream

    async def aclose(self) -> None:
        """Close the socket."""
        await self._listener.aclose()


class _Connection(TCPServer):
    """hypercorn's connection, over as soon as its client has left: by itself it waits for the idle timer first."""

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()


async def _converse(make: partial[_Connection], slots: trio.Semaphore, stream: trio.abc.Stream) -> None:
    """One connection. Whatever its client makes hypercorn trip over ends this connection and no other."""
    try:
        await make(stream)
    except Exception as fault:  # noqa: BLE001 - the outermost frame of a connection
        _log.warning("a connection ended on a fault of the protocol: %s", _name_of(fault))
    finally:
        slots.release()


def _name_of(fault: BaseException) -> str:
    while isinstance(fault, BaseExceptionGroup):
        fault = cast("BaseExceptionGroup[BaseException]", fault).exceptions[0]
    return type(fault).__name__


def _hypercorn(server: Server) -> hypercorn.config.Config:
    config = hypercorn.config.Config()
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_timeout = server.keep_alive_timeout
    config.keep_alive_max_requests = 1_000_000
    config.h11_max_incomplete_size = MAX_HEAD
    config.h2_max_header_list_size = MAX_HEAD
    return config
