"""The connections of one origin: how many there are, which are idle, and who waits. Each step costs the same
however many there are; it is decided at once, without awaiting.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, NamedTuple

import trio

if TYPE_CHECKING:
    from continuum.backends.transport.connection import Connection

__all__ = ["Counts", "Places"]


class Counts(NamedTuple):
    """Connections there are, or that are being made; those of them that are idle; callers who wait for one."""

    open: int
    idle: int
    waiting: int


class Places:
    """limit: connections there may be, None for any number. keepalive: those that may be idle.

    A place belongs to a connection, or to whoever is about to make one. Nobody overtakes those who wait: while
    somebody does, every place is taken and none of their connections is idle.
    """

    __slots__ = ("_idle", "_keepalive", "_limit", "_taken", "_waiting")

    def __init__(self, limit: int | None, keepalive: int) -> None:
        self._limit = limit
        self._keepalive = keepalive
        self._taken = 0
        self._idle: deque[Connection] = deque()
        self._waiting: OrderedDict[trio.lowlevel.Task, list[Connection]] = OrderedDict()

    @property
    def counts(self) -> Counts:
        """How many there are now."""
        return Counts(self._taken, len(self._idle), len(self._waiting))

    @property
    def empty(self) -> bool:
        """Whether there is no connection, nor anybody who makes one."""
        return not self._taken

    @property
    def oldest(self) -> float:
        """Since when the connection that is idle the longest is so; infinite when none is."""
        return self._idle[0].idle_since if self._idle else math.inf

    async def take(self) -> Connection | None:
        """An idle connection, the last one used; None: make one. Then `put_back` or `leave`."""
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                return connection
            connection.close()
            self._taken -= 1
        if self._limit is None or self._taken < self._limit:
            self._taken += 1
            return None
        return await self._wait()

    def put_back(self, connection: Connection) -> None:
        """A connection that can carry another request: for whoever waits the longest, or idle."""
        if self._waiting:
            self._wake(connection)
            return
        connection.idle_since = trio.current_time()
        self._idle.append(connection)
        if len(self._idle) > self._keepalive:
            self._idle.popleft().close()
            self._taken -= 1

    def leave(self) -> None:
        """The connection is closed, or was never made: its place is free."""
        if self._waiting:
            self._wake(None)
        else:
            self._taken -= 1

    def close_idle(self, before: float) -> None:
        """Close the connections that have been idle since `before` or longer."""
        while self._idle and self._idle[0].idle_since <= before:
            self._idle.popleft().close()
            self._taken -= 1

    def _wake(self, connection: Connection | None) -> None:
        task, given = self._waiting.popitem(last=False)
        if connection is not None:
            given.append(connection)
        trio.lowlevel.reschedule(task)

    async def _wait(self) -> Connection | None:
        task = trio.lowlevel.current_task()
        given = self._waiting[task] = []

        def give_up(_: object) -> trio.lowlevel.Abort:
            del self._waiting[task]
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(give_up)  # cancelled, or given a place: never both
        if given and not given[0].alive:
            given.pop().close()
        return given[0] if given else None
