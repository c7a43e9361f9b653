"""What is answered below /backends."""

from typing import Any, NotRequired, TypedDict

from continuum.backends.ejection import Reason
from continuum.resilience.breaker import BreakerState
from continuum.resilience.health import HealthState

__all__ = [
    "Backend",
    "BackendAdded",
    "BackendList",
    "BackendRemoved",
    "BackendShort",
    "BackendStats",
    "Circuit",
    "Ejected",
    "ModelsSet",
    "Probed",
    "WeightSet",
]


class BackendStats(TypedDict):
    """What a backend was asked since the start."""

    total_requests: int
    failed_requests: int
    average_latency_ms: float
    last_used: str | None


class BackendShort(TypedDict):
    """A backend as it was written."""

    name: str
    type: str
    url: str
    weight: int
    models: list[Any]
    enabled: bool
    health_status: HealthState


class Circuit(TypedDict):
    """What a backend's breaker has counted: failures in a row until it opened, else until now; and how often it did."""

    consecutive_failures: int
    opened: int


class Ejected(TypedDict):
    """Why a backend is left out of the selection, and seconds until it is tried next."""

    reason: Reason
    seconds: float


class Backend(BackendShort):
    """A backend with its other keys, and what is going on with it."""

    api_key: NotRequired[str]
    stats: BackendStats
    circuit_state: NotRequired[BreakerState | None]
    circuit: Circuit
    ejected: Ejected | None
    in_flight: int
    ttft_ms: float | None


class BackendList(TypedDict):
    """Every backend."""

    backends: list[Backend]
    total: int


class BackendAdded(TypedDict):
    """A backend was added or changed."""

    success: bool
    message: str
    backend: BackendShort


class BackendRemoved(TypedDict):
    """A backend was removed."""

    success: bool
    message: str
    removed_backend: str


class WeightSet(TypedDict):
    """A backend's weight was set."""

    success: bool
    message: str
    previous_weight: int
    new_weight: int


class ModelsSet(TypedDict):
    """A backend's models were set."""

    success: bool
    message: str
    models: list[Any]


class Probed(TypedDict):
    """What a backend answered just now."""

    name: str
    health_status: HealthState
    latency_ms: float
    models: list[str]
    detected_type: str
    error: NotRequired[str]
