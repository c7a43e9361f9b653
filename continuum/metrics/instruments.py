"""The table of instruments: names, what they say, and the labels they carry. A new one is a line here.

Labels take configured names and words of this table only: nothing that a caller can choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["CANCELLED", "EJECTIONS", "INSTRUMENTS", "RATE_LIMITED", "Instrument", "Phase"]

Phase = Literal["unstreamed", "before_content", "streaming"]
"""Where a call was given up: one for a whole answer; a stream before its first content; a stream after it."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """Something that is counted."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


CANCELLED: Final = Instrument(
    "continuum_cancelled_calls_total",
    "Calls given up before their answer was complete: the caller left, or the process had to end.",
    ("phase",),
)

EJECTIONS: Final = Instrument(
    "continuum_backend_ejections_total",
    "How often a backend was left out of the selection from then on: its probes failed, or its circuit opened.",
    ("backend", "reason"),
)

RATE_LIMITED: Final = Instrument(
    "continuum_rate_limited_total",
    "How often a limit of this router refused a call, by whose limit it was; for a backend: all of them were full.",
    ("limit",),
)

INSTRUMENTS: Final = (CANCELLED, EJECTIONS, RATE_LIMITED)
