"""What is committed, for whoever waits for it: each sees the latest, at his own pace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Self, TypeVar

import trio

if TYPE_CHECKING:
    from continuum.config.version import Version

__all__ = ["News", "Subscription"]

T = TypeVar("T")


class News:
    """Wakes those who wait for another version than they know. current: the one in force."""

    def __init__(self, current: Callable[[], Version]) -> None:
        self._current = current
        self._event = trio.Event()
        self._closed = False

    def tell(self) -> None:
        """Something has changed."""
        self._event.set()
        self._event = trio.Event()

    def close(self) -> None:
        """There will be nothing more."""
        self._closed = True
        self.tell()

    async def after(self, number: int) -> Version | None:
        """The current version once it is not the one of that number any more; None once closed."""
        while self._current().number == number and not self._closed:
            await self._event.wait()
        return None if self._closed else self._current()

    def subscribe(self, show: Callable[[Version], T]) -> Subscription[T]:
        """Each version from now on, as `show` has it."""
        return Subscription(self, self._current().number, show)


class Subscription(Generic[T]):
    """An async iterator over what is committed from its making on."""

    def __init__(self, news: News, seen: int, show: Callable[[Version], T]) -> None:
        self._news = news
        self._seen = seen
        self._show = show

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        version = await self._news.after(self._seen)
        if version is None:
            raise StopAsyncIteration
        self._seen = version.number
        return self._show(version)
