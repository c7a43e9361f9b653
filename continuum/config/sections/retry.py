"""The section `retry`: how often a failed attempt is repeated, and when."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from continuum.config.quantity import Delay, seconds
from continuum.config.section import Path, Reload, Section


class Retry(Section, reload=Reload.IMMEDIATE):
    """How failed attempts at a backend are repeated before an answer has begun."""

    max_attempts: int = Field(default=3, ge=1, description="Attempts for one model, all backends together.")
    base_delay: Delay = Field(
        default=seconds("100ms"), description="Delay before the first repetition, in seconds or with a unit."
    )
    max_delay: Delay = Field(
        default=seconds("30s"), description="Longest delay between two attempts, in seconds or with a unit."
    )
    exponential_backoff: bool = Field(default=True, description="Whether each delay is twice the one before.")
    jitter: bool = Field(default=True, description="Whether delays are spread at random.")
    budget_ratio: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Share of the active requests that may be repetitions, never fewer than 3; a call's first "
        "repetition on another backend is not counted.",
    )
    max_retry_after: Delay = Field(
        default=seconds("60s"),
        description="Longest Retry-After of a backend that is obeyed; in seconds or with a unit.",
    )

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        try:
            base, most = (seconds(given.get(key, cls.model_fields[key].default)) for key in ("base_delay", "max_delay"))
        except ValueError:
            return  # told at the key itself
        if base > most:
            yield ("base_delay",), "must not be longer than max_delay"
