"""The section `metrics`: what is measured, and who may read it."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from continuum.config.otlp import Otlp
from continuum.config.secret import Credential
from continuum.config.section import Group, Path, Reload, Section, defaults_of
from continuum.config.types import UrlPath


class MetricsAuth(Group):
    """Who may read the metrics."""

    method: Literal["none", "bearer_token"] = Field(default="none", description="Whether a token is needed.")
    token: Credential | None = Field(default=None, description="The token of the method bearer_token.")

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        if given.get("method") == "bearer_token" and given.get("token") is None:
            yield ("token",), "is required for the method bearer_token"


class CardinalityLimit(Group):
    """How many series one metric may have."""

    max_labels_per_metric: int = Field(default=100, ge=1, description="Label sets of one metric.")
    max_unique_label_values: int = Field(default=1000, ge=1, description="Values of one label; further ones share one.")


class Metrics(Section, reload=Reload.GRADUAL):
    """What is measured, where it is read, and who may read it."""

    enabled: bool = Field(default=True, description="Whether metrics are kept and served.")
    endpoint: UrlPath = Field(default="/metrics", description="Path they are served at, in Prometheus' text format.")
    auth: MetricsAuth = defaults_of(MetricsAuth)
    cardinality_limit: CardinalityLimit = defaults_of(CardinalityLimit)
    otlp: Otlp | None = Field(default=None, description="Send them to a collector too.")

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        endpoint = given.get("endpoint")
        if isinstance(endpoint, str) and (endpoint in _TAKEN or endpoint.startswith(_TAKEN_BELOW)):
            yield ("endpoint",), "is answered otherwise: take a path of its own, as /metrics"


_TAKEN = frozenset({"/", "/health", "/healthz", "/ready", "/openapi.json", "/admin"})
_TAKEN_BELOW = ("/v1/", "/v1beta/", "/admin/")
