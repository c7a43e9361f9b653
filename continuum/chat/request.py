"""A chat request in no vendor's words. Plain data; limits and meanings are the dialects' business."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from continuum.chat.message import Message

__all__ = ["ChatRequest", "ResponseFormat", "Tool", "ToolChoice"]


@dataclass(slots=True)
class Tool:
    """A function the model may call; `parameters` is a JSON Schema."""

    name: str
    description: str | None = None
    parameters: dict[str, object] | None = None
    strict: bool | None = None


@dataclass(slots=True)
class ToolChoice:
    """auto, none, required, or one tool by `name` (mode "tool")."""

    mode: Literal["auto", "none", "required", "tool"]
    name: str | None = None


@dataclass(slots=True)
class ResponseFormat:
    """What the answer's text must be: text, any JSON object, or JSON of `schema`."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: dict[str, object] | None = None
    strict: bool | None = None


@dataclass(slots=True)
class ChatRequest:
    """One question to a model. max_tokens counts tokens of the answer; `extra` holds fields that only
    the dialect it came from knows, by their own names.
    """

    model: str
    messages: list[Message]
    tools: list[Tool] = field(default_factory=list[Tool])
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: list[str] = field(default_factory=list[str])
    n: int = 1
    seed: int | None = None
    reasoning_effort: str | None = None
    user: str | None = None
    extra: dict[str, object] = field(default_factory=dict[str, object])

    def without_parameters(self) -> ChatRequest:
        """The same question and form of answer, without what tunes a model."""
        return ChatRequest(
            self.model,
            self.messages,
            tools=self.tools,
            tool_choice=self.tool_choice,
            parallel_tool_calls=self.parallel_tool_calls,
            response_format=self.response_format,
            n=self.n,
            user=self.user,
        )
