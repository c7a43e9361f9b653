"""The table of instruments: names, what they say, and the labels they carry. A new one is a line here.

Labels take configured names and words of this table only: nothing that a caller can choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["CANCELLED", "INSTRUMENTS", "Instrument", "Phase"]

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

INSTRUMENTS: Final = (CANCELLED,)
