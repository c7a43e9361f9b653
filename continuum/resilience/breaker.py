"""Circuit breakers: when a failing backend is left alone, and how it is tried again, decided over a clock's numbers."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

from continuum.errors import UpstreamError, UpstreamRejected

if TYPE_CHECKING:
    from continuum.config import CircuitBreaker
    from continuum.errors import ContinuumError

__all__ = ["SPENT", "WINDOW", "Breaker", "BreakerState", "Breakers", "Verdict"]

BreakerState = Literal["closed", "open", "half_open"]

SECONDS: Final = 1.0
WINDOW: Final = 30 * SECONDS
"""The share of failures is that of the last one to two of these."""

SPENT: Final = -1
"""A ticket whose holder has said all that counts."""


class Verdict(Enum):
    """What one attempt says about its backend."""

    PASSED = "passed"
    FAILED = "failed"
    NEUTRAL = "neutral"
    """Nothing: its caller left, or the request itself was at fault."""


class _Window:
    """Requests and failures of lately, in two halves of which the older is dropped."""

    __slots__ = ("_began", "_failures", "_old_failures", "_old_requests", "_requests")

    def __init__(self) -> None:
        self.clear(0)

    def clear(self, now: float) -> None:
        self._began = now
        self._requests = self._failures = self._old_requests = self._old_failures = 0

    def add(self, now: float, *, failed: bool) -> None:
        age = now - self._began
        if age >= 2 * WINDOW:
            self.clear(now)
        elif age >= WINDOW:
            self._old_requests, self._old_failures = self._requests, self._failures
            self._requests = self._failures = 0
            self._began += WINDOW
        self._requests += 1
        self._failures += failed

    @property
    def requests(self) -> int:
        return self._requests + self._old_requests

    @property
    def failures(self) -> int:
        return self._failures + self._old_failures


class Breaker:
    """One backend's. closed: it gets requests; open: none until `until`; half_open: some, on trial.

    Times are seconds of any one monotonic clock. `begin` gives a ticket and `end` takes it: what was begun before the
    state last changed says nothing about the new one. saturated: half open, with as many trials as there may be.
    opened: how often it did. consecutive: failures in a row, up to now or up to when it opened.
    """

    __slots__ = (
        "_generation",
        "_passes",
        "_section",
        "_since",
        "_trials",
        "_window",
        "consecutive",
        "opened",
        "saturated",
        "state",
    )

    def __init__(self, section: CircuitBreaker) -> None:
        self._section = section
        self.state: BreakerState = "closed"
        self.saturated = False
        self.opened = 0
        self._generation = 0
        self._since = 0.0
        self.consecutive = self._passes = self._trials = 0
        self._window = _Window()

    @property
    def until(self) -> float:
        """When an open one may be tried again."""
        return self._since + self._section.timeout_seconds

    def state_at(self, now: float) -> BreakerState:
        """Its state for whoever looks: half open as soon as its time is over, though nobody has come to try it."""
        return "half_open" if self.state == "open" and now >= self.until else self.state

    def retune(self, section: CircuitBreaker) -> bool:
        """Go by another section from now on; what was counted is kept. Whether the state has changed."""
        self._section = section
        if not section.enabled and self.state != "closed":
            self._become("closed", self._since)
            return True
        self._count_trials(0)
        return False

    def refuses(self, now: float) -> bool:
        """Whether it is open; when its time is over it becomes half open."""
        if self.state != "open":
            return False
        if now < self.until:
            return True
        self._become("half_open", now)
        return False

    def begin(self) -> int:
        """An attempt begins: the ticket for `end`."""
        if self.state == "half_open":
            self._count_trials(1)
        return self._generation

    def answering(self, ticket: int, now: float) -> int:
        """The attempt's first content is here. A trial has passed with that: a long answer must not keep the others
        waiting. The ticket to go on with.
        """
        if self.state != "half_open" or ticket != self._generation:
            return ticket
        closed = self.end(ticket, Verdict.PASSED, now)
        return self._generation if closed else SPENT

    def end(self, ticket: int, verdict: Verdict, now: float) -> bool:
        """The attempt has ended. Whether the state has changed."""
        if ticket != self._generation or not self._section.enabled:
            return False
        if self.state == "half_open":
            return self._end_trial(verdict, now)
        if verdict is Verdict.NEUTRAL or self.state == "open":
            return False
        failed = verdict is Verdict.FAILED
        self._window.add(now, failed=failed)
        self.consecutive = self.consecutive + 1 if failed else 0
        if not (failed and self._too_many()):
            return False
        self._become("open", now)
        return True

    def judge(self, error: ContinuumError | None, *, cancelled: bool) -> Verdict:
        """What an attempt's end says. error: None where it gave its answer, unless its caller left."""
        if error is None:
            return Verdict.NEUTRAL if cancelled else Verdict.PASSED
        if not isinstance(error, UpstreamError) or isinstance(error, UpstreamRejected):
            return Verdict.NEUTRAL
        counted = error.counts if error.status is None else error.status in self._section.failure_status_codes
        return Verdict.FAILED if counted else Verdict.NEUTRAL

    def _too_many(self) -> bool:
        section, window = self._section, self._window
        if self.consecutive >= section.failure_threshold:
            return True
        enough = window.requests >= section.minimum_requests
        return enough and window.failures >= section.failure_rate_threshold * window.requests

    def _end_trial(self, verdict: Verdict, now: float) -> bool:
        self._count_trials(-1)
        if verdict is Verdict.FAILED:
            self.consecutive += 1
            self._become("open", now)
            return True
        self._passes += verdict is Verdict.PASSED
        if self._passes < self._section.half_open_success_threshold:
            return False
        self._become("closed", now)
        return True

    def _count_trials(self, change: int) -> None:
        self._trials += change
        self.saturated = self.state == "half_open" and self._trials >= self._section.half_open_max_requests

    def _become(self, state: BreakerState, now: float) -> None:
        self.state, self._since = state, now
        self._generation += 1
        self.opened += state == "open"
        self._passes = self._trials = 0
        self._count_trials(0)
        if state == "closed":
            self.consecutive = 0
            self._window.clear(now)


class Breakers:
    """The breakers of one router, by backend: a backend that is configured anew keeps its own."""

    def __init__(self, section: CircuitBreaker) -> None:
        self._section = section
        self._known: dict[str, Breaker] = {}

    def of(self, backend: str) -> Breaker:
        """The breaker of the backend of this name."""
        known = self._known.get(backend)
        if known is None:
            known = self._known[backend] = Breaker(self._section.of(backend))
        return known

    def retune(self, section: CircuitBreaker) -> bool:
        """Go by another section from now on. Whether any state has changed."""
        self._section = section
        changed = [breaker.retune(section.of(name)) for name, breaker in self._known.items()]
        return any(changed)

    def keep(self, backends: set[str]) -> None:
        """Forget all others."""
        self._known = {name: breaker for name, breaker in self._known.items() if name in backends}
