"""The section `health_checks`: how backends are probed, and what the probes say."""

from pydantic import Field

from continuum.config.quantity import Duration, seconds
from continuum.config.section import Reload, Section
from continuum.config.types import UrlPath

ENDPOINT = "/v1/models"
"""The default endpoint. It stands for each type's own: not every server has this very path."""


class HealthChecks(Section, reload=Reload.GRADUAL):
    """How backends are probed, and when they count as healthy."""

    enabled: bool = Field(default=True, description="Whether backends are probed.")
    interval: Duration = Field(default=seconds("30s"), description="Time between probes, in seconds or with a unit.")
    timeout: Duration = Field(default=seconds("10s"), description="Time a probe may take, in seconds or with a unit.")
    unhealthy_threshold: int = Field(default=3, ge=1, description="Failed probes in a row that make it unhealthy.")
    healthy_threshold: int = Field(default=2, ge=1, description="Good probes in a row that make it healthy again.")
    endpoint: UrlPath = Field(
        default=ENDPOINT,
        description="Path that is probed; the default stands for what each type of backend answers best.",
    )
    warmup_check_interval: Duration = Field(
        default=seconds("1s"),
        description="Time between probes while a backend warms up or has begun to answer again, and the first of ever "
        "longer ones while it was never there; in seconds or with a unit.",
    )
    max_warmup_duration: Duration = Field(
        default=seconds("300s"), description="Longest warm-up; then it is unhealthy. In seconds or with a unit."
    )
    panic_threshold: float = Field(
        default=0.0, ge=0, le=1, description="Share of healthy backends, from 0 to 1, under which health is ignored."
    )
