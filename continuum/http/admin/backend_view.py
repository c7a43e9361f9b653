"""A backend as the admin API shows it: its keys in force, and what is going on with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import trio

from continuum.backends.ejection import ejection
from continuum.http.admin.ground import iso
from continuum.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.backends.backend import Backend as Live
    from continuum.config import BackendConfig
    from continuum.http.admin.answers.backends import Backend, BackendShort, Ejected
    from continuum.resilience.breaker import BreakerState
    from continuum.resilience.health import HealthState

__all__ = ["circuit_state", "health_status", "short", "whole"]


def whole(entry: BackendConfig, view: Mapping[str, Any], live: Live | None) -> Backend:
    """A backend's keys in force, and what is going on with it."""
    tally = live.tally if live is not None else None
    last_used = tally.last_used if tally is not None else None
    ttft = live.latency if live is not None else None
    shown: Any = {
        **view,
        **short(entry, view, live, health_status(live)),
        "stats": {
            "total_requests": tally.total if tally is not None else 0,
            "failed_requests": tally.failed if tally is not None else 0,
            "average_latency_ms": round(tally.average * 1000, 1) if tally is not None else 0.0,
            "last_used": None if last_used is None else iso(datetime.fromtimestamp(last_used, UTC)),
        },
        "circuit_state": circuit_state(live),
        "circuit": {
            "consecutive_failures": live.breaker.consecutive if live is not None else 0,
            "opened": live.breaker.opened if live is not None else 0,
        },
        "ejected": _ejected(live),
        "in_flight": live.in_flight if live is not None else 0,
        "ttft_ms": None if ttft is None else round(ttft * 1000, 1),
    }
    return shown  # type: ignore[no-any-return]  # a section's keys, whichever they are


def short(entry: BackendConfig, view: Mapping[str, Any], live: Live | None, health: HealthState) -> BackendShort:
    """The part of it that answers to changes hold."""
    return {
        "name": entry.name,
        "type": _type(entry, live),
        "url": view.get("url") or PROVIDERS[entry.type].default_url or "",
        "weight": entry.weight,
        "models": view["models"],
        "enabled": entry.enabled,
        "health_status": health,
    }


def health_status(live: Live | None) -> HealthState:
    """What its health checks last said."""
    return live.health.state if live is not None else "unknown"


def circuit_state(live: Live | None) -> BreakerState | None:
    """The state of a backend's breaker now; None where it has none."""
    return live.breaker.state_at(trio.current_time()) if live is not None else None


def _type(entry: BackendConfig, live: Live | None) -> str:
    return live.provider.name if live is not None and live.config.type == entry.type else entry.type


def _ejected(live: Live | None) -> Ejected | None:
    now = trio.current_time()
    found = ejection(live, now) if live is not None else None
    return None if found is None else {"reason": found.reason, "seconds": round(max(0.0, found.until - now), 3)}
