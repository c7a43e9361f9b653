"""All open connections, and what is watched of all of them together: clients that hang up, and times that run out.

One task each for any number of connections: a task or a cancel scope per request would cost more than its parsing.
"""

from __future__ import annotations

import select
import socket
from math import inf
from typing import Protocol

import trio

__all__ = ["Watch", "Watched"]


class Watched(Protocol):
    """A connection as it is seen here. due: when its patience ends, by trio's clock; infinite while nothing is
    awaited of its client. idle: no request is under way.
    """

    @property
    def due(self) -> float: ...

    @property
    def idle(self) -> bool: ...

    @property
    def socket(self) -> socket.socket: ...

    def leave(self) -> None:
        """Its client has hung up."""

    def expire(self) -> None:
        """It is overdue."""

    def close(self) -> None:
        """Close it now, whoever waits for it."""


class Watch:
    """tick: seconds between two looks at what is overdue. draining: no connection is kept for another request."""

    def __init__(self, tick: float) -> None:
        self._tick = tick
        self._open: dict[int, Watched] = {}
        self._some = trio.Event()
        self._hangups = _hangups()
        self.draining = False

    def add(self, connection: Watched) -> None:
        """Watch a connection from now on."""
        number = connection.socket.fileno()
        self._open[number] = connection
        self._some.set()
        if self._hangups is not None:
            self._hangups.register(number, select.EPOLLRDHUP | select.EPOLLET)

    def remove(self, connection: Watched) -> None:
        """Do not watch it any longer; it is still open."""
        number = connection.socket.fileno()
        if self._open.get(number) is connection:
            del self._open[number]
            if self._hangups is not None:
                self._hangups.unregister(number)

    def drain(self) -> None:
        """Close what is idle, and the others once they are."""
        self.draining = True
        for connection in list(self._open.values()):
            if connection.idle:
                connection.leave()

    def abort(self) -> None:
        """Close every connection, whatever is waited for."""
        for connection in list(self._open.values()):
            self.remove(connection)
            connection.close()

    async def hear_hangups(self) -> None:
        """Tell connections whose client has hung up while its answer is being made. Lives until cancelled."""
        if self._hangups is None:
            await trio.sleep_forever()
        with self._hangups as hangups:
            while True:
                await trio.lowlevel.wait_readable(hangups.fileno())
                for number, _ in hangups.poll(0):
                    if (connection := self._open.get(number)) is not None:
                        connection.leave()

    async def run_clock(self) -> None:
        """End what is overdue. Lives until cancelled."""
        while True:
            if not self._open:
                self._some = trio.Event()
                await self._some.wait()
            await trio.sleep(self._tick)
            now = trio.current_time()
            for connection in list(self._open.values()):
                if connection.due < now:
                    connection.expire()
                elif self._hangups is None and connection.due == inf and _has_hung_up(connection.socket):
                    connection.leave()


def _hangups() -> select.epoll | None:
    """Edge-triggered, it is told once per connection what to look for and asked nothing per request. Only Linux has
    it; elsewhere the clock looks.
    """
    return select.epoll() if hasattr(select, "epoll") else None


def _has_hung_up(sock: socket.socket) -> bool:
    try:
        return sock.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
