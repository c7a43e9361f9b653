"""One turn as the session's history will hold it: the prompt, answers, tool calls with their results. Pure."""

from __future__ import annotations

from continuum.chat import ChatResponse, Image, Message, Part, Reasoning, ResponsePart, Text, ToolResult, ToolUse

__all__ = ["Transcript"]

_NOT_RUN = "Not run: the turn was cancelled"


class Transcript:
    """The messages of a turn under way. Legal at any moment: a call without a result gets one that says why."""

    def __init__(self, prompt: Message) -> None:
        self._messages = [prompt]
        self._open: list[ToolUse] = []  # calls of the last answer, not yet run
        self._refused = False

    @property
    def messages(self) -> list[Message]:
        """What is to be remembered: nothing if the turn showed nothing, or was refused (ACP: refusal)."""
        if self._refused or len(self._messages) == 1:
            return []
        pending: list[Part] = [ToolResult(call.id, [Text(_NOT_RUN)], is_error=True) for call in self._open]
        if not pending:
            return list(self._messages)
        last = self._messages[-1]
        if last.role == "tool":
            return [*self._messages[:-1], Message("tool", [*last.parts, *pending])]
        return [*self._messages, Message("tool", pending)]

    @property
    def asked(self) -> list[Message]:
        """What the next request of the turn says."""
        return self._messages

    def answer(self, response: ChatResponse) -> list[ToolUse]:
        """Take what the model said; the calls it wants run. An answer without a finish_reason was broken off."""
        choice = response.choices[0] if response.choices else None
        if choice is None:
            return []
        self._refused = choice.finish_reason == "content_filter"
        ended = bool(choice.finish_reason)
        shown = [part for said in choice.parts if (part := _shown(said, ended=ended)) is not None]
        calls = [part for part in shown if isinstance(part, ToolUse)]
        if calls or any(isinstance(part, Text) for part in shown):
            self._messages.append(Message("assistant", shown))
            self._open = list(calls)
        return calls

    def result(self, call: ToolUse, content: list[Text | Image], *, is_error: bool) -> None:
        """Take what a call gave."""
        self._open.remove(call)
        part = ToolResult(call.id, content, is_error)
        if self._messages[-1].role == "tool":
            self._messages[-1].parts.append(part)
        else:
            self._messages.append(Message("tool", [part]))


def _shown(part: ResponsePart, *, ended: bool) -> Part | None:
    if part.kind in ("text", "refusal"):
        return Text(part.text) if part.text else None
    if not ended:  # a thought cut short has no signature, a call cut short no arguments
        return None
    return Reasoning(part.text, part.vendor) if part.kind == "reasoning" else ToolUse(part.id, part.name, part.text)
