"""What the agent tells of a session, unasked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NotRequired, TypedDict

from .results import ConfigOption

__all__ = [
    "NOTIFICATIONS",
    "AvailableCommand",
    "AvailableCommands",
    "ChunkKind",
    "Diff",
    "InfoChanged",
    "Location",
    "MessageChunk",
    "OptionsChanged",
    "Plan",
    "PlanEntry",
    "SessionUpdate",
    "Text",
    "ToolCall",
    "ToolCallChange",
    "ToolCallOpened",
    "ToolContent",
    "ToolKind",
    "ToolStatus",
    "Update",
    "UserChunk",
]

ChunkKind = Literal["agent_message_chunk", "agent_thought_chunk"]
ToolKind = Literal["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"]
ToolStatus = Literal["pending", "in_progress", "completed", "failed"]


class Text(TypedDict):
    """Text, Markdown by convention."""

    type: Literal["text"]
    text: str


class MessageChunk(TypedDict):
    """A piece of an answer or of a thought; pieces of one messageId are one message."""

    sessionUpdate: ChunkKind
    content: Text
    messageId: str


class UserChunk(TypedDict):
    """A prompt's block as the client sent it, shown again."""

    sessionUpdate: Literal["user_message_chunk"]
    content: dict[str, Any]


class Shown(TypedDict):
    """Text beside a tool call."""

    type: Literal["content"]
    content: Text


class Diff(TypedDict):
    """A change of a file; no oldText: the file is new."""

    type: Literal["diff"]
    path: str
    newText: str
    oldText: NotRequired[str]


class Terminal(TypedDict):
    """A terminal of the client's, shown live."""

    type: Literal["terminal"]
    terminalId: str


ToolContent = Shown | Diff | Terminal


class Location(TypedDict):
    """A file that a tool call is about. path: absolute. line: from 1."""

    path: str
    line: NotRequired[int]


class ToolCall(TypedDict):
    """A tool call as it stands. rawInput: what the model wrote, an object where it could be read as one."""

    toolCallId: str
    title: str
    kind: ToolKind
    status: ToolStatus
    rawInput: Any
    content: list[ToolContent]
    locations: NotRequired[list[Location]]
    rawOutput: NotRequired[Any]


class ToolCallOpened(ToolCall):
    """A tool call that the client has not seen yet."""

    sessionUpdate: Literal["tool_call"]


class ToolCallChange(TypedDict):
    """What has changed about a tool call."""

    sessionUpdate: Literal["tool_call_update"]
    toolCallId: str
    status: NotRequired[ToolStatus]
    content: NotRequired[list[ToolContent]]
    rawOutput: NotRequired[Any]


class PlanEntry(TypedDict):
    """One step."""

    content: str
    status: Literal["pending", "in_progress", "completed"]
    priority: Literal["high", "medium", "low"]


class Plan(TypedDict):
    """All steps."""

    sessionUpdate: Literal["plan"]
    entries: list[PlanEntry]


class CommandInput(TypedDict):
    """What may stand behind a command's name."""

    hint: str


class AvailableCommand(TypedDict):
    """One slash command."""

    name: str
    description: str
    input: NotRequired[CommandInput]


class AvailableCommands(TypedDict):
    """All slash commands."""

    sessionUpdate: Literal["available_commands_update"]
    availableCommands: list[AvailableCommand]


class ModeChanged(TypedDict):
    """The session is in another mode."""

    sessionUpdate: Literal["current_mode_update"]
    currentModeId: str


class OptionsChanged(TypedDict):
    """Every selector, whole."""

    sessionUpdate: Literal["config_option_update"]
    configOptions: list[ConfigOption]


class InfoChanged(TypedDict):
    """The session as a list shows it. updatedAt: ISO 8601, UTC."""

    sessionUpdate: Literal["session_info_update"]
    title: str | None
    updatedAt: str


class Cost(TypedDict):
    """Money."""

    amount: float
    currency: Literal["USD"]


class Usage(TypedDict):
    """Tokens of the model's context: used, and all there are. cost: of the whole session."""

    sessionUpdate: Literal["usage_update"]
    used: int
    size: int
    cost: NotRequired[Cost]


Update = (
    MessageChunk
    | UserChunk
    | ToolCallOpened
    | ToolCallChange
    | Plan
    | AvailableCommands
    | ModeChanged
    | OptionsChanged
    | InfoChanged
    | Usage
)


class SessionUpdate(TypedDict):
    """One thing that happened in a session."""

    sessionId: str
    update: Update


NOTIFICATIONS: Final[Mapping[str, type]] = {"session/update": SessionUpdate}
"""What each notification says."""
