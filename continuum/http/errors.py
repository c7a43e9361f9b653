"""Errors as HTTP: the status and the headers. Bodies are the dialects'."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from continuum.errors import ContinuumError

__all__ = ["headers_of", "status_of"]


def status_of(error: ContinuumError) -> int:
    """The status line's number."""
    return error.http_status


def headers_of(error: ContinuumError) -> list[tuple[bytes, bytes]]:
    """Content type, and Retry-After (whole seconds, at least 1) where trying again makes sense."""
    headers = [(b"content-type", b"application/json")]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after))).encode()))
    return headers
