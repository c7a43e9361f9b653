"""Where telemetry is sent: a group that the sections `metrics` and `tracing` share."""

from pydantic import Field

from continuum.config.secret import Credential
from continuum.config.section import Group
from continuum.config.sections.backends import HeaderName
from continuum.config.url import Url


class Otlp(Group):
    """An OpenTelemetry collector, reached by OTLP over HTTP."""

    endpoint: Url = Field(description="Its URL.")
    headers: dict[HeaderName, Credential] = Field(
        default={}, description="Headers added to each request; shown masked."
    )
