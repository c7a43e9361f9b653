"""The section `tracing`: spans of requests for OpenTelemetry."""

from pydantic import Field

from continuum.config.otlp import Otlp
from continuum.config.section import Reload, Section


class Tracing(Section, reload=Reload.REQUIRES_RESTART, admin=False):
    """Spans of requests, sent to an OpenTelemetry collector."""

    otlp: Otlp | None = Field(default=None, description="The collector; absent: no spans are made.")
    sample_ratio: float = Field(default=1.0, ge=0, le=1, description="Share of the requests that are traced.")
