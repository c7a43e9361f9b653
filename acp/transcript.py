"""One turn as the session's history will hold it: the prompt, answers, tool calls with their results. Pure."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Final

from continuum.chat import ChatResponse, Image, Message, Part, Reasoning, ResponsePart, Text, ToolResult, ToolUse

from .tools.base import ToolFault, parse_arguments

__all__ = ["Transcript"]

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME: Final = 64
_NOT_RUN: Final = "Not run: the turn ended first"
_STOPPED: Final = "Stopped before its end, with the turn: what it had done by then is done"


class Transcript:
    """The messages of a turn under way. Legal at any moment: a call without a result gets one that says why.

    Ids of calls are unique within the session, whatever the model made of them: clients and the history go by them.
    """

    def __init__(self, prompt: Message, history: Sequence[Message] = ()) -> None:
        self._messages = [prompt]
        self._open: list[ToolUse] = []  # calls of the last answer that have no result
        self._running: ToolUse | None = None  # of these
        self._refused = False
        self._ids = {part.id for message in history for part in message.parts if isinstance(part, ToolUse)}

    @property
    def messages(self) -> list[Message]:
        """What is to be remembered: nothing if the turn showed nothing, or was refused (ACP: refusal)."""
        if self._refused or len(self._messages) == 1:
            return []
        pending: list[Part] = [
            ToolResult(call.id, [Text(_STOPPED if call is self._running else _NOT_RUN)], is_error=True)
            for call in self._open
        ]
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

    @property
    def open_calls(self) -> list[ToolUse]:
        """The calls that have no result yet, as the model wrote them."""
        return list(self._open)

    def answer(self, response: ChatResponse) -> None:
        """Take what the model said. An answer without a finish_reason was broken off."""
        choice = response.choices[0] if response.choices else None
        if choice is None:
            return
        self._refused = choice.finish_reason == "content_filter"
        shown = [part for said in choice.parts if (part := self._shown(said, ended=bool(choice.finish_reason)))]
        calls = [part for part in shown if isinstance(part, ToolUse)]
        if calls or any(isinstance(part, Text) for part in shown):
            kept = [_legal(part) if isinstance(part, ToolUse) else part for part in shown]
            self._messages.append(Message("assistant", kept))
            self._open = calls

    def run(self, call: ToolUse) -> None:
        """An open call begins."""
        self._running = call

    def result(self, call: ToolUse, content: list[Text | Image], *, is_error: bool) -> None:
        """Take what an open call gave."""
        self._open.remove(call)
        part = ToolResult(call.id, content, is_error)
        if self._messages[-1].role == "tool":
            self._messages[-1].parts.append(part)
        else:
            self._messages.append(Message("tool", [part]))

    def _shown(self, part: ResponsePart, *, ended: bool) -> Part | None:
        if part.kind in ("text", "refusal"):
            return Text(part.text) if part.text else None
        if not ended:  # a thought cut short has no signature, a call cut short no arguments
            return None
        if part.kind == "reasoning":
            return Reasoning(part.text, part.vendor)
        return ToolUse(self._unique(part.id), part.name, part.text)

    def _unique(self, ident: str) -> str:
        if not ident or ident in self._ids:
            ident = f"call_{secrets.token_hex(12)}"
        self._ids.add(ident)
        return ident


def _legal(call: ToolUse) -> ToolUse:
    """The call as it may be sent back: servers refuse a conversation with broken arguments or odd names."""
    arguments = call.arguments or "{}"
    try:
        parse_arguments(arguments)
    except ToolFault:
        arguments = "{}"
    name = _NOT_IN_NAMES.sub("_", call.name)[:_LONGEST_NAME] or "unnamed"
    return ToolUse(call.id, name, arguments)
