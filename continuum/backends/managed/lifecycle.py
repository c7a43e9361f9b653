"""What a managed server is doing and what may happen next: pure decisions over a clock's numbers, nothing awaited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["BACKOFF_FIRST", "BACKOFF_MOST", "STABLE_AFTER", "Lifecycle", "State"]

State = Literal["stopped", "starting", "ready", "backoff"]

SECONDS: Final = 1.0

BACKOFF_FIRST: Final = 0.5 * SECONDS
BACKOFF_MOST: Final = 60 * SECONDS
STABLE_AFTER: Final = 30 * SECONDS
"""A server that was ready for this long has proved itself: its earlier failures are forgotten."""


@dataclass(slots=True)
class Lifecycle:
    """State of one server. Times are seconds of any one monotonic clock.

    idle_stop: seconds without a user until it is stopped, None for never. waiting, users: callers that wait for the
    server, and that have it. reason: why it failed last; failures: how often in a row.
    """

    idle_stop: float | None
    state: State = "stopped"
    waiting: int = 0
    users: int = 0
    reason: str = ""
    failures: int = 0
    retry_at: float = 0.0
    ready_since: float = 0.0
    idle_since: float = 0.0

    def refusal(self, now: float) -> float | None:
        """Seconds a caller must wait before another start is tried; None: it may have or start the server."""
        if self.state == "backoff" and now < self.retry_at:
            return self.retry_at - now
        return None

    def wanted(self, now: float) -> bool:
        """Whether to start the server: somebody waits for it, and it is not backing off."""
        return self.waiting > 0 and self.refusal(now) is None

    def use(self) -> None:
        """A caller got the server."""
        self.users += 1

    def release(self, now: float) -> None:
        """A caller is done with it."""
        if self.users <= 0:
            raise RuntimeError("a managed server was released more often than acquired")
        self.users -= 1
        self.idle_since = now

    def started(self) -> None:
        """A start is under way."""
        self.state = "starting"

    def became_ready(self, now: float) -> None:
        """It answered; idle time counts from here while nobody uses it."""
        self.state, self.ready_since, self.idle_since = "ready", now, now

    def failed(self, reason: str, now: float) -> None:
        """It ended by itself or never became ready: back off, longer each time.

        One crash of a server that had been ready is answered by a restart at once.
        """
        was_ready = self.state == "ready"
        if was_ready and now - self.ready_since >= STABLE_AFTER:
            self.failures = 0
        self.failures += 1
        self.reason = reason
        free = 1 if was_ready else 0
        if self.failures <= free:
            self.state = "stopped"
            return
        # The exponent is capped, too: a float overflows after a thousand failures.
        delay = min(BACKOFF_FIRST * 2.0 ** min(self.failures - free - 1, 16), BACKOFF_MOST)
        self.state, self.retry_at = "backoff", now + delay

    def stopped(self) -> None:
        """We ended it on purpose."""
        self.state = "stopped"

    def idle_deadline(self) -> float | None:
        """When to stop the ready server; None while somebody uses it, or if it may stay."""
        if self.idle_stop is None or self.users or self.waiting:
            return None
        return self.idle_since + self.idle_stop
