"""What a host program may see of a running router."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from continuum.config import Config
    from continuum.resilience.health import HealthState
    from continuum.runtime import Instance

__all__ = ["BackendHealth", "HealthChecker", "RouterState"]


@dataclass(frozen=True, slots=True)
class BackendHealth:
    """One backend's name, and what its health checks last said: `unknown` before the first, `healthy`, `warming_up` or
    `unhealthy`.
    """

    name: str
    status: HealthState


class HealthChecker:
    """The health of a router's backends, as it is known: asking it sends nothing to them."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def get_backend_health_status(self) -> list[BackendHealth]:
        """A record for each backend, in the configuration's order."""
        await trio.lowlevel.checkpoint()
        return [BackendHealth(each.name, each.health.state) for each in self._instance.pool.backends]


class RouterState:
    """A live view: what it says is true of the moment it is asked."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._health_checker = HealthChecker(instance)

    @property
    def health_checker(self) -> HealthChecker | None:
        """The health of the backends; None while health checks are off."""
        return self._health_checker if self._instance.config.health_checks.enabled else None

    def current_config(self) -> Config:
        """The configuration at work, with what the builder lays over it: a copy. To change it, `config_handle()`."""
        return self._instance.config.model_copy(deep=True)
