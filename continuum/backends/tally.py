"""What a backend was asked, and how that went: counted at the end of each attempt."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from continuum.backends.outcome import Outcome

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """Counts since a backend of this name is here. last_used: seconds since the epoch; None before the first attempt
    has ended.
    """

    total: int = 0
    failed: int = 0
    last_used: float | None = None
    _answered: int = 0
    _seconds: float = 0.0

    def record(self, outcome: Outcome) -> None:
        """Count one attempt."""
        self.total += 1
        self.failed += outcome.error is not None
        self.last_used = time.time()
        if outcome.error is None and not outcome.cancelled:
            self._answered += 1
            self._seconds += outcome.total

    @property
    def average(self) -> float:
        """Seconds that a whole answer took; 0 while there was none."""
        return self._seconds / self._answered if self._answered else 0.0
