"""What a backend's refusal means: one table from status to error. Pure."""

from __future__ import annotations

import email.utils
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from continuum.errors import (
    AttemptsExhausted,
    AttemptsTimedOut,
    RateLimited,
    UpstreamDenied,
    UpstreamFailed,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamThrottled,
    UpstreamTimeout,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from continuum.dialects.openai_chat import ErrorView
    from continuum.errors import ContinuumError, UpstreamError
    from continuum.providers import Provider

__all__ = ["exhausted", "refusal", "retry_after", "tried"]

MAX_RETRY_AFTER = 60.0
"""Seconds: no backend makes us believe in a longer rest."""

_DENIED = {401, 402, 403}


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number or a date; capped; None when it says nothing."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            when = email.utils.parsedate_to_datetime(header)
            aware = when if when.tzinfo else when.replace(tzinfo=UTC)
            seconds = (aware - datetime.now(UTC)).total_seconds()
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if math.isfinite(seconds) else None


def refusal(provider: Provider, status: int, error: ErrorView, wait: float | None) -> UpstreamError:
    """The failure that an answer other than 200 is. wait: seconds its Retry-After asks for."""
    answered = f"the backend answered {status}"
    said = error.message or answered
    if provider.request_fault(status, error):
        return UpstreamRejected(said, status=400)
    if provider.credential_fault(status, error):
        status = 401
    if status >= 500:
        return UpstreamFailed(answered, retry_after=wait)  # its words may be an exception's
    if status == 429:
        return UpstreamThrottled("the backend throttles", retry_after=wait)
    if status in _DENIED:
        return UpstreamDenied("the backend refused the router's credential")
    if status == 408:
        return UpstreamTimeout(answered)
    if status >= 400:
        kind = error.type or "invalid_request_error"
        return UpstreamRejected(said, status=status, kind=kind, code=error.code or None, param=error.param)
    return UpstreamProtocolError(f"the backend answered {status}, which is no answer here")


def tried(model: str, failures: Sequence[tuple[str, UpstreamError]]) -> dict[str, object]:
    """An error's details: the model, the last backend, how many attempts there were, and how each ended."""
    ends = [{"backend": name, "code": error.code} for name, error in failures]
    return {"model": model, "backend": failures[-1][0], "attempts": len(failures), "ends": ends}


def exhausted(model: str, failures: Sequence[tuple[str, UpstreamError]]) -> ContinuumError:
    """What the caller is told when each attempt failed. failures: backend name and fault, in order, never empty."""
    errors = [error for _, error in failures]
    details = tried(model, failures)
    if all(isinstance(error, UpstreamThrottled) for error in errors):
        waits = [error.retry_after for error in errors if error.retry_after is not None]
        wait = min(waits) if waits else None
        return RateLimited("every backend throttles this model; try again later", retry_after=wait, details=details)
    last = errors[-1]
    count = f"{len(errors)} attempts failed; the last one: " if len(errors) > 1 else ""
    kind = AttemptsTimedOut if isinstance(last, UpstreamTimeout) else AttemptsExhausted
    code = UpstreamDenied.code if all(isinstance(error, UpstreamDenied) for error in errors) else None
    return kind(f"{count}{last.message}", code=code, details=details)
