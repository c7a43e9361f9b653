"""What the agent needs of a running instance: a port that continuum.runtime's Instance fits, and a double too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from continuum.chat import Event, GlobalPrompt
from continuum.config import BackendConfig, Config
from continuum.core import Call, Fallen

__all__ = ["Backend", "Engine", "Frame", "Health", "Host", "ModelInfo", "Pool", "Reply"]


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

    @property
    def attempts(self) -> int:
        """How many backends were asked."""
        ...

    @property
    def backend(self) -> str:
        """The name of the one that answers."""
        ...

    @property
    def cost(self) -> float | None:
        """US dollars, once it is closed; None where that is not known."""
        ...

    @property
    def fallback(self) -> Fallen | None:
        """Set where another model answers than the one that was asked for."""
        ...


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

    @property
    def context_window(self) -> int | None:
        """In tokens, where somebody says."""
        ...


class Health(Protocol):
    """How a backend is."""

    @property
    def usable(self) -> bool:
        """Whether calls go to it."""
        ...


class Backend(Protocol):
    """One backend, to be looked at."""

    @property
    def name(self) -> str:
        """As the configuration has it."""
        ...

    @property
    def models(self) -> Mapping[str, str]:
        """What it serves, by the names clients use."""
        ...

    @property
    def health(self) -> Health:
        """Its state."""
        ...

    @property
    def in_flight(self) -> int:
        """Calls it works on now."""
        ...


class Pool(Protocol):
    """The backends."""

    @property
    def backends(self) -> Sequence[Backend]:
        """All, in the configuration's order."""
        ...


class Host(Protocol):
    """A running instance."""

    @property
    def engine(self) -> Engine:
        """Where calls go."""
        ...

    @property
    def pool(self) -> Pool:
        """The backends."""
        ...

    @property
    def config(self) -> Config:
        """The configuration in force."""
        ...

    async def lend(self, backend: BackendConfig) -> None:
        """Have a backend in the place of the one of its name, or as one more, until the process ends."""
        ...

    async def look_again(self) -> bool:
        """Take back in those of the backends that are out and answer now; whether there were any."""
        ...

    def models(self) -> Sequence[ModelInfo]:
        """What can be asked now."""
        ...

    def prompt_for(self, model: str) -> GlobalPrompt | None:
        """The longest global prompt that a call to the model may get."""
        ...

    def default_model(self) -> str | None:
        """The model for those who name none; None while no backend offers any."""
        ...
