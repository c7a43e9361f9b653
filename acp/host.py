"""What the agent needs of a running instance: a port that continuum.runtime's Instance fits, and a double too."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from continuum.chat import Event
from continuum.core import Call

__all__ = ["Engine", "Frame", "Host", "ModelInfo", "Reply"]


class Frame(Protocol):
    """A piece of an answer as it came."""

    @property
    def events(self) -> Sequence[Event]:
        """What it says."""
        ...


class Reply(Protocol):
    """An answer under way; leaving its `async with` closes the upstream."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool | None: ...

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> Frame: ...


class Engine(Protocol):
    """The one path a call takes."""

    async def open(self, call: Call) -> Reply:
        """Wait for the first content. ContinuumError: there will be none."""
        ...


class ModelInfo(Protocol):
    """One model that can be asked."""

    @property
    def id(self) -> str:
        """The name to ask it by."""
        ...


class Host(Protocol):
    """A running instance."""

    @property
    def engine(self) -> Engine:
        """Where calls go."""
        ...

    def models(self) -> Sequence[ModelInfo]:
        """What can be asked now."""
        ...

    def default_model(self) -> str | None:
        """The model for those who name none; None while no backend offers any."""
        ...
