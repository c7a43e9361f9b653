"""Errors as HTTP: the status and the headers. Bodies are the dialects'."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from continuum.errors import Unauthenticated

if TYPE_CHECKING:
    from continuum.core.fallback import Fallen
    from continuum.errors import ContinuumError

__all__ = ["fallen", "headers_of", "routed", "status_of"]


def routed(backend: str, model: str, attempts: int) -> list[tuple[bytes, bytes]]:
    """What was chosen for a call."""
    return [
        (b"x-continuum-backend", backend.encode()),
        (b"x-continuum-model", _ascii(model)),
        (b"x-continuum-attempts", str(attempts).encode()),
    ]


def fallen(fallback: Fallen | None) -> list[tuple[bytes, bytes]]:
    """That another model answers, where one does."""
    if fallback is None:
        return []
    return [
        (b"x-fallback-used", b"true"),
        (b"x-original-model", _ascii(fallback.original)),
        (b"x-fallback-model", _ascii(fallback.model)),
        (b"x-fallback-reason", _ascii(fallback.reason)),
        (b"x-fallback-attempts", str(fallback.attempts).encode()),
    ]


def _ascii(name: str) -> bytes:
    return name.encode("ascii", "backslashreplace")


def status_of(error: ContinuumError) -> int:
    """The status line's number."""
    return error.http_status


def headers_of(error: ContinuumError) -> list[tuple[bytes, bytes]]:
    """Content type, what was tried, Allow, the scheme a credential is wanted in, and Retry-After: whole seconds, at
    least 1, where a retry makes sense.
    """
    headers = [(b"content-type", b"application/json")]
    match error.details:
        case {"backend": str(backend), "model": str(model), "attempts": int(attempts)}:
            headers += routed(backend, model, attempts)
        case _:
            pass
    if isinstance(allow := error.details.get("allow"), str):
        headers.append((b"allow", allow.encode()))
    if isinstance(error, Unauthenticated):
        headers.append((b"www-authenticate", b"Bearer"))
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after))).encode()))
    return headers
