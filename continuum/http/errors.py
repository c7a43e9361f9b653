"""Errors as HTTP: the status and the headers. Bodies are the dialects'."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, cast

from continuum.core import Standing
from continuum.errors import Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.core.fallback import Fallen
    from continuum.errors import ContinuumError

__all__ = ["fallen", "headers_of", "routed", "standing_headers", "status_of"]


_MAX_EJECTED = 20
"""Backends that a header names."""


def routed(backend: str, model: str, attempts: int) -> list[tuple[bytes, bytes]]:
    """What was chosen for a call."""
    return [
        (b"x-continuum-backend", backend.encode()),
        (b"x-continuum-model", _ascii(model)),
        (b"x-continuum-attempts", str(attempts).encode()),
    ]


def _ejected(candidates: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Who was left out, and why, where that left nobody."""
    named = (f"{name}={why}" for name, why in islice(candidates.items(), _MAX_EJECTED))
    return [(b"x-continuum-ejected", ", ".join(named).encode())]


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


def standing_headers(standing: Standing | None) -> list[tuple[bytes, bytes]]:
    """Where a caller stands with its limits, as OpenAI says it."""
    if standing is None:
        return []
    levels = (("requests", standing.requests), ("tokens", standing.tokens))
    return [
        (f"x-ratelimit-{name}-{what}".encode(), value.encode())
        for what, level in levels
        if level is not None
        for name, value in (
            ("limit", str(level.limit)),
            ("remaining", str(level.remaining)),
            ("reset", _duration(level.reset)),
        )
    ]


def _duration(seconds: float) -> str:
    """In Go's form, as OpenAI has it: 0s, 120ms, 7.66s, 6m0s."""
    milliseconds = math.ceil(seconds * 1000)
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    shown = f"{rest / 1000:g}s"
    return f"{hours}h{minutes}m{shown}" if hours else f"{minutes}m{shown}" if minutes else shown


def status_of(error: ContinuumError) -> int:
    """The status line's number."""
    return error.http_status


def headers_of(error: ContinuumError) -> list[tuple[bytes, bytes]]:
    """Content type, what was tried or who was left out, Allow, the scheme a credential is wanted in, and Retry-After:
    whole seconds, at least 1, where a retry makes sense.
    """
    headers = [(b"content-type", b"application/json")]
    match error.details:
        case {"backend": str(backend), "model": str(model), "attempts": int(attempts)}:
            headers += routed(backend, model, attempts)
        case _:
            pass
    if isinstance(candidates := error.details.get("candidates"), dict):
        headers += _ejected(cast("dict[str, str]", candidates))
    if isinstance(standing := error.details.get("standing"), Standing):
        headers += standing_headers(standing)
    if isinstance(allow := error.details.get("allow"), str):
        headers.append((b"allow", allow.encode()))
    if isinstance(error, Unauthenticated):
        headers.append((b"www-authenticate", b"Bearer"))
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after))).encode()))
    return headers
