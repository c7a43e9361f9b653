"""The stdio agent as a process: from two descriptors to an exit code.

Imports only what `initialize` needs; everything else is loaded by name behind it.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from .agent import Agent
from .client import Client
from .connection import Connection
from .greeting import NOT_GREETED, Greeting
from .hosting import Hosting
from .router import AcpMethodRouter
from .transport.stdio import StdioTransport

if TYPE_CHECKING:
    from .hosting import OpenHost, Source

__all__ = ["main", "serve"]

LeaveWithin = Callable[[float, int], None]

_log: Final = logging.getLogger("continuum.acp")

# Seconds. What leaving may take beyond the grace: with acp.eof_grace at its default all is over within five.
_LEAVE_TIME: Final = 1.5
_LOOK_EVERY: Final = 0.25  # between two looks whether the client still reads
_CANCEL_TIME: Final = 0.75  # of it, for turns to notice
_FLUSH_TIME: Final = 0.5  # of it, for the client to take the last answers


def main(*, in_fd: int, out_fd: int, load: Source, greeting: Greeting = NOT_GREETED) -> int:
    """Serve on two descriptors (descriptors.claim_stdio) from the greeting on, until the client leaves; the exit
    code.
    """
    deadline = _Deadline()
    try:
        serving = partial(serve, in_fd=in_fd, out_fd=out_fd, load=load, greeting=greeting)
        return trio.run(partial(serving, leave_within=deadline.set, owns_process=True))
    except KeyboardInterrupt:
        return 130
    except Exception:  # noqa: BLE001 (the outermost frame: a fault of ours is logged whole and ends with code 1)
        _log.critical("the agent ended on a fault of its own", exc_info=True)
        return 1
    finally:
        deadline.clear()


class _Deadline:
    """Ends the process in time even where something that must be waited for takes long, such as a server that does
    not heed SIGTERM: its guardian ends it without us, and what is stored is stored.
    """

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def set(self, seconds: float, code: int) -> None:
        """Exit with this code then."""
        self._timer = threading.Timer(seconds, os._exit, [code])
        self._timer.daemon = True
        self._timer.start()

    def clear(self) -> None:
        """The process ends by itself."""
        if self._timer is not None:
            self._timer.cancel()


async def serve(
    *,
    in_fd: int,
    out_fd: int,
    load: Source,
    open_host: OpenHost | None = None,
    greeting: Greeting = NOT_GREETED,
    leave_within: LeaveWithin | None = None,
    owns_process: bool = False,
) -> int:
    """Serve one client until it leaves; the exit code.

    load: makes the configuration, or its store where it is live; called once, in a thread, after `initialize` was
    answered. open_host: how an instance comes from it, continuum.runtime.open_instance by default. leave_within: is
    told, once the client has left, in how many seconds all must be over, and the exit code. owns_process: logging
    follows the configuration, too. The descriptors are borrowed.
    """
    transport = StdioTransport(in_fd, out_fd, unread=greeting.unread)
    try:
        process = _Process(transport, Hosting(load, open_host, owns_process=owns_process), greeting, leave_within)
        return await process.run()
    finally:
        transport.close()


class _Process:
    """The tasks of one connection, and the order in which they end."""

    def __init__(
        self, transport: StdioTransport, hosting: Hosting, greeting: Greeting, leave_within: LeaveWithin | None
    ) -> None:
        self._leave_within = leave_within
        self._transport = transport
        self._hosting = hosting
        self._agent = Agent(Client(transport), hosting, deferred=greeting.deferred)
        if greeting.client_capabilities is not None:
            self._agent.greeted(greeting.client_capabilities)
        self._reading = trio.CancelScope()
        self._grace = trio.CancelScope()
        self._left = False  # at once, whatever is running

    async def run(self) -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            nursery.start_soon(self._heed_signals)
            nursery.start_soon(self._hosting.run)
            nursery.start_soon(self._load_after_handshake)
            with self._reading:
                await Connection(self._agent, self._transport, AcpMethodRouter(), nursery).run()
            nursery.start_soon(self._notice_departure)
            await self._wind_down()
            nursery.cancel_scope.cancel()
        return self._hosting.exit_code

    async def _write(self) -> None:
        await self._transport.write_forever()
        self._leave()  # nobody listens any more

    async def _notice_departure(self) -> None:
        """A client that has ended its input may still read; one that has died does not, and is not worked for."""
        while not self._transport.abandoned:  # noqa: ASYNC110 - the kernel tells it to nobody who only waits to write
            await trio.sleep(_LOOK_EVERY)
        self._leave()

    async def _heed_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async for _ in signals:
                self._leave()

    async def _load_after_handshake(self) -> None:
        await self._agent.initialized.wait()
        await self._transport.flush()
        self._hosting.begin()

    def _leave(self) -> None:
        self._left = True
        self._reading.cancel()
        self._grace.cancel()

    async def _wind_down(self) -> None:
        """No more requests come: let the running ones end, cancel them, let the answers out, take all down."""
        self._grace.deadline = trio.current_time() + self._hosting.eof_grace
        with self._grace:
            await self._agent.in_flight.wait_empty()
        end = trio.CancelScope(deadline=(trio.current_time() if self._left else self._grace.deadline) + _LEAVE_TIME)
        if self._leave_within is not None:
            self._leave_within(end.deadline - trio.current_time(), self._hosting.exit_code)
        self._agent.in_flight.cancel_all()
        with trio.move_on_after(_CANCEL_TIME):
            await self._agent.in_flight.wait_empty()
        with trio.move_on_after(_FLUSH_TIME):
            await self._transport.flush()
        with end:
            await self._hosting.close()
