"""What a backend's refusal means: one table from status to error. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from continuum.dialects.openai_chat import TOO_LONG
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

__all__ = ["THROTTLED", "exhausted", "refusal", "tried", "try_again"]

THROTTLED = "Every backend throttles this model; {}"

_DENIED = {401, 402, 403}


def refusal(provider: Provider, status: int, error: ErrorView, wait: float | None) -> UpstreamError:
    """The failure that an answer other than 200 is. wait: seconds for which the backend wants to be left alone."""
    answered = f"the backend answered {status}"
    if provider.request_fault(status, error):
        return UpstreamRejected(error.message or answered, status=400)
    if provider.credential_fault(status, error):
        status = 401
    if status >= 500:
        return UpstreamFailed(answered, retry_after=wait).answered(status)  # its words may be an exception's
    if status == 429:
        return UpstreamThrottled("the backend throttles", retry_after=wait).answered(status)
    if status in _DENIED:
        return UpstreamDenied("the backend refused the router's credential").answered(status)
    if status == 408:
        return UpstreamTimeout(answered).answered(status)
    if status >= 400:
        return _rejected(provider, status, error)
    return UpstreamProtocolError(f"the backend answered {status}, which is no answer here")


def _rejected(provider: Provider, status: int, error: ErrorView) -> UpstreamRejected:
    words = (error.code, error.type, error.message)
    too_long = any(each in word for each in provider.overflow for word in words)
    code = error.code or (TOO_LONG if too_long else None)
    kind = error.type or "invalid_request_error"
    said = error.message or f"the backend answered {status}"
    rejected = UpstreamRejected(said, status=status, kind=kind, code=code, param=error.param)
    rejected.too_long = too_long
    return rejected


def try_again(wait: float | None) -> str:
    """When that makes sense, in words. wait: seconds; None where nobody has said."""
    return "try again later" if wait is None else f"try again in {max(1, math.ceil(wait))} s"


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
        return RateLimited(THROTTLED.format(try_again(wait)), retry_after=wait, details=details)
    last = errors[-1]
    count = f"{len(errors)} attempts failed; the last one: " if len(errors) > 1 else ""
    kind = AttemptsTimedOut if isinstance(last, UpstreamTimeout) else AttemptsExhausted
    code = UpstreamDenied.code if all(isinstance(error, UpstreamDenied) for error in errors) else None
    failure = kind(f"{count}{last.message}", code=code, retry_after=last.retry_after, details=details)
    failure.last = last
    return failure
