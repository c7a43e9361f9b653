"""No attempt gave an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import ContinuumError

if TYPE_CHECKING:
    from .upstream import UpstreamError


class RoutingError(ContinuumError):
    """No attempt gave an answer; the request itself may be fine."""

    code = "upstream_error"
    http_status = 502


class NoBackendAvailable(RoutingError):
    """No backend can be tried; `details` says why each candidate was out."""

    code = "no_backend"
    http_status = 503


class CircuitOpen(NoBackendAvailable):
    """Every backend that could answer has failed too often and is left alone until `retry_after`."""

    code = "circuit_open"


class AttemptsExhausted(RoutingError):
    """Each permitted attempt failed; `details["ends"]` lists backend and kind of fault. last: the last one's."""

    last: UpstreamError | None = None


class AttemptsTimedOut(AttemptsExhausted):
    """The last attempt ran out of time."""

    code = "upstream_timeout"
    http_status = 504
