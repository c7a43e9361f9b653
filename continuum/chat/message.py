"""The conversation: messages made of parts. Plain data that every dialect reads into and writes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from continuum.chat.event import Opaque

__all__ = ["Image", "Message", "Part", "Reasoning", "Role", "Text", "ToolResult", "ToolUse", "opening"]

Role = Literal["system", "developer", "user", "assistant", "tool"]


@dataclass(slots=True)
class Text:
    """Plain text."""

    text: str


@dataclass(slots=True)
class Image:
    """A picture, by URL (`data:` URLs included). detail: low, high, auto or None."""

    url: str
    detail: str | None = None


@dataclass(slots=True)
class Reasoning:
    """What the model thought; `vendor` must be echoed to the same vendor on the next turn."""

    text: str
    vendor: dict[str, object] | None = None


@dataclass(slots=True)
class ToolUse:
    """A call the model made; `arguments` is JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class ToolResult:
    """What a tool call `id` gave."""

    id: str
    content: list[Text | Image]
    is_error: bool = False


Part = Text | Image | Reasoning | ToolUse | ToolResult | Opaque


@dataclass(slots=True)
class Message:
    """One turn's entry."""

    role: Role
    parts: list[Part] = field(default_factory=list[Part])
    name: str | None = None

    @classmethod
    def of_text(cls, role: Role, text: str) -> Message:
        """A message that is just text."""
        return cls(role, [Text(text)])


def opening(messages: Iterable[Message], length: int) -> str:
    """The first `length` characters of what is said, a line for each text."""
    said: list[str] = []
    for message in messages:
        for part in message.parts:
            if isinstance(part, Text) and part.text:
                said.append(part.text[:length])
                length -= len(part.text) + 1
                if length <= 0:
                    return "\n".join(said)
    return "\n".join(said)
