"""The section `circuit_breaker`: when a failing backend is left alone for a while."""

from typing import Self

from pydantic import Field

from continuum.config.quantity import PlainDuration
from continuum.config.section import Group, Reload, Section
from continuum.config.types import StatusCode, Word


class BreakerOverride(Group):
    """What one backend's breaker does differently."""

    enabled: bool | None = Field(default=None, description="Whether the backend has a breaker.")
    failure_threshold: int | None = Field(default=None, ge=1, description="Consecutive failures that open it.")
    failure_rate_threshold: float | None = Field(
        default=None, gt=0, le=1, description="Share of failures that opens it, above 0 and up to 1."
    )
    minimum_requests: int | None = Field(default=None, ge=1, description="Requests before the share counts.")
    timeout_seconds: PlainDuration | None = Field(
        default=None, description="How long it stays open, in seconds or with a unit."
    )
    half_open_max_requests: int | None = Field(default=None, ge=1, description="Concurrent trials while half open.")
    half_open_success_threshold: int | None = Field(default=None, ge=1, description="Successes that close it.")
    failure_status_codes: list[StatusCode] | None = Field(default=None, description="Statuses that are failures.")


class CircuitBreaker(Section, reload=Reload.IMMEDIATE):
    """When a backend that fails is left alone, and how it is tried again."""

    enabled: bool = Field(default=True, description="Whether backends have breakers.")
    failure_threshold: int = Field(default=5, ge=1, description="Consecutive failures that open a breaker.")
    failure_rate_threshold: float = Field(
        default=0.5, gt=0, le=1, description="Share of failures that opens it, above 0 and up to 1."
    )
    minimum_requests: int = Field(default=10, ge=1, description="Requests before the share of failures counts.")
    timeout_seconds: PlainDuration = Field(
        default=60, description="How long a breaker stays open before trials, in seconds or with a unit."
    )
    half_open_max_requests: int = Field(default=3, ge=1, description="Concurrent trials while a breaker is half open.")
    half_open_success_threshold: int = Field(default=2, ge=1, description="Successful trials that close it.")
    failure_status_codes: list[StatusCode] = Field(
        default=[500, 502, 503, 504, 529], description="Statuses of a backend that are its failures."
    )
    backends: dict[Word, BreakerOverride] = Field(
        default={}, description="What differs for some backends: name to keys."
    )

    def of(self, backend: str) -> Self:
        """The section as it holds for one backend."""
        override = self.backends.get(backend)
        if override is None:
            return self
        return self.model_copy(update={name: value for name, value in override if value is not None})
