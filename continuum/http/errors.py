"""Errors as HTTP: the status and the headers. Bodies are the dialects'."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from continuum.errors import Unauthenticated

if TYPE_CHECKING:
    from continuum.errors import ContinuumError

__all__ = ["headers_of", "routed", "status_of"]


def routed(backend: str, model: str, attempts: int) -> list[tuple[bytes, bytes]]:
    """What was chosen for a call."""
    return [
        (b"x-continuum-backend", backend.encode()),
        (b"x-continuum-model", model.encode("ascii", "backslashreplace")),
        (b"x-continuum-attempts", str(attempts).encode()),
    ]


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
