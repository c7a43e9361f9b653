"""What probes say about a server: its state of health, decided over a clock's numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from continuum.config import HealthChecks

__all__ = ["Health", "HealthState", "Probe", "read_status"]

HealthState = Literal["unknown", "healthy", "warming_up", "unhealthy"]


class Probe(Enum):
    """What one probe found."""

    PASSED = "passed"
    ALIVE = "alive"
    """It answers, and its answer says nothing about its health: a refused credential, no such path, throttled."""
    WARMING = "warming"
    FAILED = "failed"


_ALIVE: Final = frozenset({401, 402, 403, 429})
_ABSENT: Final = frozenset({404, 405, 501})
_MOST_DOUBLINGS: Final = 16
"""Past every interval in use, and far from what a float can hold."""


def read_status(status: int, *, chosen: bool) -> Probe:
    """What the status of a probe's answer says. chosen: the user named the path, so that it must be there."""
    if 200 <= status < 300:
        return Probe.PASSED
    if status == 503:
        return Probe.WARMING
    return Probe.ALIVE if status in _ALIVE or (status in _ABSENT and not chosen) else Probe.FAILED


@dataclass(slots=True)
class Health:
    """One server's health. Times are seconds of any one monotonic clock; next_probe: when it is asked again."""

    state: HealthState = "unknown"
    next_probe: float = 0.0
    _decided: bool = False
    _met: bool = False
    _passes: int = 0
    _failures: int = 0
    _warming_since: float | None = None

    @property
    def usable(self) -> bool:
        """May it get requests? Before its first probe, too."""
        return self.state in ("unknown", "healthy")

    @property
    def absent(self) -> bool:
        """Has it never answered a probe? Then what waits for it waits for nobody."""
        return self.state == "unhealthy" and not self._met

    def observe(self, probe: Probe, section: HealthChecks, now: float) -> bool:
        """Take a probe into account; whether the state has changed.

        The first probe decides alone; later it takes as many in a row as the section says. A server that warms up
        is healthy with the first good one.
        """
        before = self.state
        self._met = self._met or probe is not Probe.FAILED
        match probe:
            case Probe.PASSED | Probe.ALIVE:
                self._pass("healthy" if probe is Probe.PASSED else "unknown", section)
            case Probe.WARMING:
                self._warm(section, now)
            case Probe.FAILED:
                self._fail(section)
        self._decided = True
        return self.state != before

    def reset(self) -> bool:
        """Forget everything: another server will answer. Whether the state has changed."""
        changed = self.state != "unknown"
        self.state, self._decided, self._met = "unknown", False, False
        self._passes, self._failures, self._warming_since = 0, 0, None
        return changed

    def pause(self, interval: float, section: HealthChecks) -> float:
        """Seconds to the next probe. interval: between two probes of this server in general.

        A server that was never there is probably about to be started: it is asked soon, then less and less often. One
        that answers again is asked for the good probes it still owes at once: people wait for it.
        """
        soon = min(interval, section.warmup_check_interval)
        if self.state == "warming_up" or (self.state == "unhealthy" and self._passes):
            return soon
        if self.state == "unhealthy" and not self._met:
            return min(interval, soon * 2.0 ** min(self._failures - 1, _MOST_DOUBLINGS))
        return interval

    def _pass(self, up: HealthState, section: HealthChecks) -> None:
        self._failures, self._warming_since = 0, None
        self._passes += 1
        if self.state == "healthy":
            return
        if self.state != "unhealthy" or self._passes >= section.healthy_threshold:
            self.state = up

    def _warm(self, section: HealthChecks, now: float) -> None:
        self._passes = 0
        if self._warming_since is None:
            self._warming_since = now
        too_long = now - self._warming_since >= section.max_warmup_duration
        self.state = "unhealthy" if too_long else "warming_up"

    def _fail(self, section: HealthChecks) -> None:
        self._passes = 0
        self._failures += 1
        if not self._decided or self._failures >= section.unhealthy_threshold:
            self.state, self._warming_since = "unhealthy", None
