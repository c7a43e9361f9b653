"""From bound sockets to conversations: what is accepted, how many at once, and how it all ends."""

from __future__ import annotations

import errno
import logging
import os
import signal
import threading
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from itertools import count
from socket import AF_UNIX, IPPROTO_TCP, TCP_NODELAY
from typing import TYPE_CHECKING, cast

import trio

from continuum.http.edge.connection import Connection, Shared
from continuum.http.edge.watch import Watch

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator

    from continuum.config import Server
    from continuum.http.app import App
    from continuum.http.edge.http2 import Http2
    from continuum.http.sockets import Listener

__all__ = ["serve"]

_log = logging.getLogger("continuum.http")

_LAST_WORDS = 1.0
"""Seconds that interrupted requests get to tell their clients."""

_SHORT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE = 0.1
"""Seconds without accepting while the system is short of something."""

_BATCH = 64
"""Connections accepted at once before others get their turn."""

_MAX_TICK = 0.5
_MIN_TICK = 0.05
"""Seconds between two looks at what is overdue: a quarter of the shortest patience, within these."""

_HTTP2 = "continuum.http.edge.http2"
"""Imported where it is spoken: beside TLS. hypercorn costs a tenth of the start."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def serve(
    app: App,
    server: Server,
    listeners: list[Listener],
    *,
    ready: Callable[[], None] = lambda: None,
    stop: Callable[[], Awaitable[object]] = trio.sleep_forever,
) -> None:
    """Serve until SIGTERM or SIGINT, or until `stop` returns; then let open requests finish for
    `server.shutdown_grace` seconds.

    ready: called once connections are accepted. A second signal ends the process at once. Only the main thread gets
    signals.
    """
    shortest = min(server.header_timeout, server.keep_alive_timeout)
    watch = Watch(min(_MAX_TICK, max(_MIN_TICK, shortest / 4)))
    http2: Http2 | None = None
    if any(each.tls is not None for each in listeners):
        http2 = import_module(_HTTP2).Http2(app, server)
    doors = [
        (each.socket, Shared(app, server, watch, each.tls, http2.serve if http2 is not None and each.tls else None))
        for each in listeners
    ]
    draining = trio.Event()
    with _open_signals() as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_heed_stop, app, stop, draining)
            if signals is not None:
                nursery.start_soon(_heed_signals, signals, app, server.drain_delay, draining)
            nursery.start_soon(watch.hear_hangups)
            nursery.start_soon(watch.run_clock)
            nursery.start_soon(app.run)
            async with trio.open_nursery() as connections:
                slots = trio.Semaphore(server.max_connections)
                async with trio.open_nursery() as accepting:
                    for listening, shared in doors:
                        begin = partial(_converse, shared, slots)
                        accepting.start_soon(_accept, listening, slots, partial(connections.start_soon, begin))
                    ready()
                    await draining.wait()
                    accepting.cancel_scope.cancel()
                for listening, _ in doors:
                    listening.close()
                watch.drain()
                if http2 is not None:
                    await http2.drain()
                nursery.start_soon(_end_in_time, app, watch, server.shutdown_grace)
            nursery.cancel_scope.cancel()
    _log.info("stopped")


async def _heed_stop(app: App, stop: Callable[[], Awaitable[object]], draining: trio.Event) -> None:
    await stop()
    app.drain()
    draining.set()


@contextmanager
def _open_signals() -> Generator[AsyncIterator[int] | None]:
    """Signals from now on, where we get any."""
    if threading.current_thread() is not threading.main_thread():
        yield None
        return
    with trio.open_signal_receiver(*_SIGNALS) as signals:
        yield signals


async def _heed_signals(signals: AsyncIterator[int], app: App, delay: float, draining: trio.Event) -> None:
    async def drain() -> None:
        app.drain()
        await trio.sleep(delay)
        draining.set()

    async with trio.open_nursery() as nursery:
        signalled = False
        async for number in signals:
            if signalled:
                os._exit(128 + number)  # the user means it
            signalled = True
            _log.info("draining: open requests finish, a second signal exits now")
            nursery.start_soon(drain)


async def _accept(listening: socket.socket, slots: trio.Semaphore, begin: Callable[[socket.socket], object]) -> None:
    """Accept for as long as there is a slot for what comes: all who knock are let in at once, since one per turn of
    the scheduler would keep them waiting for seconds where many are served.
    """
    short = False
    for turn in count(1):
        if turn % _BATCH == 0:
            await trio.lowlevel.checkpoint()
        try:
            connected, _ = listening.accept()
        except BlockingIOError:
            await trio.lowlevel.wait_readable(listening)
            continue
        except OSError as fault:
            if fault.errno in _SHORT_OF:
                if not short:
                    _log.warning("no connection can be accepted for now: %s", os.strerror(fault.errno or 0))
                short = True
                await trio.sleep(_PAUSE)
            await trio.lowlevel.checkpoint()
            continue  # whoever it was has left
        if short:
            _log.info("connections are accepted again")
            short = False
        try:
            slots.acquire_nowait()
        except trio.WouldBlock:
            try:
                await slots.acquire()
            except BaseException:
                connected.close()
                raise
        begin(connected)


async def _converse(shared: Shared, slots: trio.Semaphore, connected: socket.socket) -> None:
    """One connection. Whatever its client makes us trip over ends this connection and no other."""
    try:
        connected.setblocking(False)  # noqa: FBT003 - the socket module's signature
        if connected.family != AF_UNIX:
            connected.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        await Connection(shared, connected).run()
    except Exception as fault:  # noqa: BLE001 - the outermost frame of a connection
        _log.warning("a connection ended on a fault of the protocol: %s", _name_of(fault))
    finally:
        connected.close()
        slots.release()


def _name_of(fault: BaseException) -> str:
    while isinstance(fault, BaseExceptionGroup):
        fault = cast("BaseExceptionGroup[BaseException]", fault).exceptions[0]
    return type(fault).__name__


async def _end_in_time(app: App, watch: Watch, grace: float) -> None:
    await trio.sleep(grace)
    app.interrupt()
    await trio.sleep(_LAST_WORDS)
    watch.abort()
