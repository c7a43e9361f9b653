"""Outlier ejection: who is left out of the selection now, why, and until when at least.

Two mechanisms eject: probes that fail (active health), and answers that fail, in a row or by their share (an open
circuit). Both let a backend in again by trying it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from continuum.backends.backend import Backend

__all__ = ["Ejection", "Reason", "ejection"]

Reason = Literal["unhealthy", "warming_up", "circuit_open"]


class Ejection(NamedTuple):
    """until: when it is tried next, by trio's clock."""

    reason: Reason
    until: float


def ejection(backend: Backend, now: float) -> Ejection | None:
    """Why a backend is left out; None while it is not. Below health_checks.panic_threshold one that is ejected for its
    health gets requests all the same.
    """
    match backend.health.state:
        case "unhealthy" | "warming_up" as state:
            return Ejection(state, backend.health.next_probe)
        case _:
            pass
    if backend.breaker.state_at(now) == "open":
        return Ejection("circuit_open", backend.breaker.until)
    return None
