"""What is answered below /stats and /route: how calls went, and where one would go."""

from typing import TypedDict

from continuum.resilience.breaker import BreakerState
from continuum.resilience.health import HealthState

__all__ = [
    "Candidate",
    "Percentiles",
    "RouteExplained",
    "Stats",
    "Usage",
]


class Percentiles(TypedDict):
    """Milliseconds; null where nothing was measured."""

    p50: float | None
    p95: float | None
    p99: float | None


class Usage(TypedDict):
    """What was asked since the start, and how it went. cost: US dollars of the requests whose model has a known price,
    null without any; unpriced_requests have usage and no price: they are in no cost.
    """

    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    unpriced_requests: int
    latency_ms: Percentiles
    ttft_ms: Percentiles


class Stats(TypedDict):
    """Usage in all, and by backend, model and client key."""

    since: str
    totals: Usage
    backends: dict[str, Usage]
    models: dict[str, Usage]
    keys: dict[str, Usage]


class Candidate(TypedDict):
    """A backend that serves a model, and why it is chosen from or not."""

    backend: str
    upstream_model: str
    weight: int
    health_status: HealthState
    circuit_state: BreakerState | None
    in_flight: int
    usable: bool
    reason: str


class RouteExplained(TypedDict):
    """What would be tried for a request."""

    model: str
    resolved_model: str
    strategy: str
    candidates: list[Candidate]
    chosen: str | None
    error: str | None
