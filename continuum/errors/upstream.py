"""One attempt at one backend failed. Of these only `UpstreamRejected` and `StreamBroken` reach a caller as they are."""

from __future__ import annotations

from typing import ClassVar, Self

from .base import ContinuumError


class UpstreamError(ContinuumError):
    """One attempt at one backend failed. `counts` says whether that is the backend's fault; `status` is what it
    answered, where that is the failure.
    """

    code = "upstream_error"
    http_status = 502
    retryable = True
    counts: ClassVar[bool] = True
    status: int | None = None

    def answered(self, status: int) -> Self:
        """The same, with the status that was answered."""
        self.status = status
        return self


class ConnectFailed(UpstreamError):
    """No connection: refused, unreachable, no such name, TLS, or a managed server that did not start. `cause` is a word
    for it where one is known.
    """

    def __init__(self, message: str, *, cause: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.cause = cause


class UpstreamTimeout(UpstreamError):
    """The backend did not answer in time."""

    code = "upstream_timeout"
    http_status = 504


class DeadlinePassed(UpstreamTimeout):
    """The caller's own deadline, shorter than ours, has passed: no fault of the backend's."""

    retryable = False
    counts = False


class UpstreamProtocolError(UpstreamError):
    """The backend's bytes are not an answer: broken HTTP, broken JSON, cut short."""


class StaleConnection(UpstreamProtocolError):
    """A connection closed without one byte of an answer: tried once more on a fresh one, free of charge."""

    counts = False


class UpstreamRejected(UpstreamError):
    """The backend found the request at fault (400, 404, 413, 422): relayed, never retried. too_long: because the
    prompt does not fit the model's context.
    """

    retryable = False
    counts = False
    too_long = False

    def __init__(
        self,
        message: str,
        *,
        status: int,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message, code=code or "invalid_request_error", param=param)
        self.http_status = self.status = status
        self.kind = kind


class UpstreamThrottled(UpstreamError):
    """The backend answered 429; `retry_after` when it said so."""

    code = "rate_limit_exceeded"
    http_status = 429
    counts = False


class UpstreamDenied(UpstreamError):
    """The backend refused our credential (401, 403)."""

    code = "upstream_auth"
    counts = False


class UpstreamFailed(UpstreamError):
    """The backend answered 5xx or reported an error before the first content."""


class StreamBroken(UpstreamError):
    """The answer broke off after content was passed on: told to the caller, never retried, never hidden."""

    code = "stream_interrupted"
    retryable = False
