"""Where calls come in: each takes the engine of that moment and stays with it, so that nothing changes under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from continuum.core import Call, Contents, Engine, Reply
    from continuum.resilience.retry import Retries

__all__ = ["Door"]


class _Room:
    """An engine and the calls that are looking for a backend through it."""

    __slots__ = ("_empty", "calls", "engine")

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.calls = 0
        self._empty: trio.Event | None = None

    def leave(self) -> None:
        """One call is done here."""
        self.calls -= 1
        if not self.calls and self._empty is not None:
            self._empty.set()

    async def until_empty(self) -> None:
        """Wait for the last. Only for a room that nobody enters any more."""
        if self.calls:
            if self._empty is None:
                self._empty = trio.Event()
            await self._empty.wait()


class Door:
    """Engines, one after the other."""

    def __init__(self, engine: Engine) -> None:
        self._room = _Room(engine)
        self._left: list[_Room] = []

    @property
    def engine(self) -> Engine:
        """The one that the next call takes."""
        return self._room.engine

    @property
    def retries(self) -> Retries:
        """Of all engines."""
        return self._room.engine.retries

    @property
    def contents(self) -> Contents:
        """Of all engines."""
        return self._room.engine.contents

    async def open(self, call: Call) -> Reply:
        """The reply, once its first content or the whole of it is here. Raises ContinuumError."""
        room = self._room
        room.calls += 1
        try:
            return await room.engine.open(call)
        finally:
            room.leave()

    def replace(self, engine: Engine) -> None:
        """Let calls take this one from now on."""
        self._left = [room for room in (*self._left, self._room) if room.calls]
        self._room = _Room(engine)

    async def quiet(self) -> None:
        """Wait until every call that took an earlier engine has its reply, or none."""
        for room in list(self._left):
            await room.until_empty()
