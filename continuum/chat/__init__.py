"""The canonical conversation: messages, requests, events, and the fold between events and one response."""

from continuum.chat.event import (
    Event,
    Failed,
    Finished,
    Opaque,
    PartEnded,
    PartKind,
    PartStarted,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolArgsDelta,
    Usage,
    UsageReported,
    VendorFields,
)
from continuum.chat.fold import ChatResponse, Choice, Fold, ResponsePart, fold, unfold
from continuum.chat.message import Image, Message, Part, Reasoning, Role, Text, ToolResult, ToolUse, opening
from continuum.chat.operation import Operation
from continuum.chat.prompt import SYSTEM_ROLES, GlobalPrompt
from continuum.chat.request import ChatRequest, ResponseFormat, Tool, ToolChoice

__all__ = [
    "SYSTEM_ROLES",
    "ChatRequest",
    "ChatResponse",
    "Choice",
    "Event",
    "Failed",
    "Finished",
    "Fold",
    "GlobalPrompt",
    "Image",
    "Message",
    "Opaque",
    "Operation",
    "Part",
    "PartEnded",
    "PartKind",
    "PartStarted",
    "Reasoning",
    "ReasoningDelta",
    "ResponseFormat",
    "ResponsePart",
    "Role",
    "Started",
    "Text",
    "TextDelta",
    "Tool",
    "ToolArgsDelta",
    "ToolChoice",
    "ToolResult",
    "ToolUse",
    "Usage",
    "UsageReported",
    "VendorFields",
    "fold",
    "opening",
    "unfold",
]
