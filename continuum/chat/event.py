"""What can happen while a model answers: the canonical events every dialect reads into and writes from.

They are made per token, so they are bare slotted records. `choice` counts answers when n > 1; `index` counts
the parts of one answer in the order they began. Per part: PartStarted, its deltas, PartEnded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from continuum.errors import ContinuumError

__all__ = [
    "Event",
    "Failed",
    "Finished",
    "Opaque",
    "PartEnded",
    "PartKind",
    "PartStarted",
    "ReasoningDelta",
    "Started",
    "TextDelta",
    "ToolArgsDelta",
    "Usage",
    "UsageReported",
    "VendorFields",
]

PartKind = Literal["text", "reasoning", "refusal", "tool"]


@dataclass(slots=True)
class Usage:
    """Tokens of one answer. cached_tokens is part of input_tokens, reasoning_tokens of output_tokens."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(slots=True)
class Started:
    """The answer has begun. created: seconds since the epoch, 0 when the dialect does not say."""

    id: str
    model: str
    created: int = 0


@dataclass(slots=True)
class VendorFields:
    """Fields of the whole answer that only `dialect` knows, by their own names."""

    dialect: str
    fields: dict[str, object]


@dataclass(slots=True)
class PartStarted:
    """Part `index` begins; id and name belong to tool calls."""

    index: int
    kind: PartKind
    id: str = ""
    name: str = ""
    choice: int = 0


@dataclass(slots=True)
class TextDelta:
    """More text (or refusal text) of part `index`."""

    text: str
    index: int
    choice: int = 0


@dataclass(slots=True)
class ReasoningDelta:
    """More of what the model thinks."""

    text: str
    index: int
    choice: int = 0


@dataclass(slots=True)
class ToolArgsDelta:
    """More of a tool call's arguments: a piece of JSON text."""

    json: str
    index: int
    choice: int = 0


@dataclass(slots=True)
class PartEnded:
    """Part `index` is whole; `vendor` (signatures, encrypted reasoning) must be echoed next turn."""

    index: int
    choice: int = 0
    vendor: dict[str, object] | None = None


@dataclass(slots=True)
class UsageReported:
    """What was used so far; the last one counts."""

    usage: Usage


@dataclass(slots=True)
class Finished:
    """One choice is complete: stop, length, tool_calls, content_filter, or the vendor's own word."""

    reason: str
    choice: int = 0


@dataclass(slots=True)
class Failed:
    """The backend reported an error inside its stream."""

    error: ContinuumError


@dataclass(slots=True)
class Opaque:
    """Something only `dialect` understands: kept for it, skipped by every other."""

    dialect: str
    data: dict[str, object]
    choice: int = 0


Event = (
    Started
    | PartStarted
    | TextDelta
    | ReasoningDelta
    | ToolArgsDelta
    | PartEnded
    | UsageReported
    | Finished
    | Failed
    | Opaque
    | VendorFields
)
