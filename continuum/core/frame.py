"""One event of a streamed answer: the payload as it came, and what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from continuum.chat import Finished, Opaque, PartStarted, ReasoningDelta, TextDelta, ToolArgsDelta

if TYPE_CHECKING:
    from continuum.chat import Event

__all__ = ["CONTENT", "Frame"]

CONTENT = (TextDelta, ReasoningDelta, ToolArgsDelta, PartStarted, Finished, Opaque)
"""Events after which a call is committed to its backend. Started, usage and errors are not among them."""


class Frame(msgspec.Struct, gc=False):
    """raw: the payload in the backend's dialect, without the framing around it. events: parsed once, maybe none."""

    raw: bytes
    events: list[Event]

    def has_content(self) -> bool:
        """Whether passing it on commits the call."""
        return any(isinstance(event, CONTENT) for event in self.events)
