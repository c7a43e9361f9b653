"""How a call ended: told once, to whoever keeps accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from continuum.backends.backend import Backend
    from continuum.chat import Usage
    from continuum.core.call import Call
    from continuum.core.fallback import Fallen
    from continuum.metrics import Phase

__all__ = ["Accounts", "Ending"]


@dataclass(slots=True)
class Ending:
    """One call's end. model: as its backends list it; None where none was found. backend, upstream_model: who
    answered, and under which name. error: its code, None where the answer was whole. cancelled: where it was given up.
    attempts: at all models together. total, ttft: seconds since it came; ttft is None when nothing was answered.
    """

    call: Call
    model: str | None
    total: float
    backend: Backend | None = None
    upstream_model: str | None = None
    error: str | None = None
    cancelled: Phase | None = None
    attempts: int = 0
    fallback: Fallen | None = None
    ttft: float | None = None
    usage: Usage | None = None


class Accounts(Protocol):
    """Keeps count of calls."""

    def begin(self) -> None:
        """A call has come."""
        ...

    def end(self, ending: Ending) -> float | None:
        """It has ended. What it cost in US dollars, None where that is not known."""
        ...
