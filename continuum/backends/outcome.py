"""How one attempt ended: recorded once, read by everything that keeps count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from continuum.errors import UpstreamError
from continuum.resilience.breaker import SPENT

if TYPE_CHECKING:
    from continuum.chat import Usage
    from continuum.errors import ContinuumError

__all__ = ["Outcome"]


@dataclass(slots=True)
class Outcome:
    """One attempt's end. error: None when it gave its whole answer. cancelled: its caller left.
    first_content, total: seconds since the attempt began; first_content is None when none came. key: the number of
    the backend's key that was sent. ticket: its breaker's.
    """

    backend: str
    model: str
    error: ContinuumError | None = None
    cancelled: bool = False
    first_content: float | None = None
    total: float = 0.0
    usage: Usage | None = None
    key: int = 0
    ticket: int = SPENT

    @property
    def counts(self) -> bool:
        """Whether this is the backend's failure."""
        return isinstance(self.error, UpstreamError) and self.error.counts

    @property
    def result(self) -> str:
        """In one word: ok, cancelled, or the kind of fault, as `connect_failed`. Never a backend's own word."""
        if self.error is None:
            return "cancelled" if self.cancelled else "ok"
        return _word(type(self.error).__name__)


@cache
def _word(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
