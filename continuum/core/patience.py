"""How long a call is waited for: by the configuration for its model, by the caller's word where that is less."""

from __future__ import annotations

from typing import TYPE_CHECKING

from continuum.errors import DeadlinePassed, UpstreamTimeout

if TYPE_CHECKING:
    from continuum.config.sections.timeouts import RequestTimeouts

__all__ = ["Patience"]


class Patience:
    """One call at one model. gap: seconds between two signs of life in a stream. whole_by: when the answer must be
    complete, whoever gives it in the end; callers_by: by the caller's own word. Both are times of trio's clock.
    """

    __slots__ = ("_first_byte", "callers_by", "gap", "whole_by")

    def __init__(self, times: RequestTimeouts, *, stream: bool, callers_by: float, now: float) -> None:
        kind = times.streaming if stream else times.standard
        self.gap = times.streaming.chunk_interval
        self._first_byte = kind.first_byte
        self.callers_by = callers_by
        self.whole_by = min(now + kind.total, callers_by)

    def first_byte_by(self, now: float) -> float:
        """When an attempt that begins now must have begun to answer."""
        return min(now + self._first_byte, self.whole_by)

    def extend(self, seconds: float) -> None:
        """This long was waited for a server's start, which is none of the model's time; it is the caller's."""
        self.whole_by = min(self.whole_by + seconds, self.callers_by)

    def ended(self, late: str, now: float) -> UpstreamTimeout:
        """The fault of an answer that has not come. late: in words."""
        if now >= self.callers_by:
            return DeadlinePassed("the answer was not there within the time that the caller gave it")
        return UpstreamTimeout(late)
