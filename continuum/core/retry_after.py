"""How long a backend asks to be left alone, in all the ways there are to say so. Pure but for the wall clock."""

from __future__ import annotations

import email.utils
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.dialects.openai_chat import ErrorView

__all__ = ["retry_after"]

_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PARTS.pattern})+")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}

_LIMITED = ("requests", "tokens")
"""What OpenAI's x-ratelimit headers count."""


def retry_after(headers: Mapping[str, str], error: ErrorView, *, longest: float) -> float | None:
    """Seconds, at most `longest`; None where nothing is said. The plainest word counts: milliseconds, Retry-After,
    the error's own body, and at last when the limit that is used up will be whole again.
    """
    for asked in (
        _number(headers.get("retry-after-ms"), 0.001),
        _number(headers.get("retry-after")),
        _date(headers.get("retry-after")),
        error.retry_after,
        _reset(headers),
    ):
        if asked is not None and math.isfinite(asked):
            return min(max(asked, 0.0), longest)
    return None


def _number(text: str | None, unit: float = 1.0) -> float | None:
    try:
        return None if text is None else float(text) * unit
    except ValueError:
        return None


def _date(text: str | None) -> float | None:
    try:
        when = None if text is None else email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if when is None:
        return None
    return ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()


def _reset(headers: Mapping[str, str]) -> float | None:
    """Where it is not said which limit is used up, the sooner one."""
    found = {name: _duration(headers.get(f"x-ratelimit-reset-{name}")) for name in _LIMITED}
    known = {name: seconds for name, seconds in found.items() if seconds is not None}
    used_up = [known[name] for name in known if headers.get(f"x-ratelimit-remaining-{name}", "").strip() == "0"]
    return max(used_up) if used_up else min(known.values(), default=None)


def _duration(text: str | None) -> float | None:
    """`6m0s`, `1.5s`, `120ms`, or bare seconds."""
    if text is None:
        return None
    if _WHOLE.fullmatch(text.strip()):
        return sum(float(number) * _SECONDS[unit] for number, unit in _PARTS.findall(text))
    return _number(text)
