"""What `continuum run` prints of an answer: its text as it comes, or with --json an object a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from continuum.acp.jsonrpc import Request, Response, decode, is_object

if TYPE_CHECKING:
    from continuum.acp.client import Client
    from continuum.chat import Usage

__all__ = ["Answers", "JsonAnswers", "Printer", "TextAnswers"]

_CHUNKS: Final = {"agent_message_chunk": "text", "agent_thought_chunk": "thought"}
_TOLD: Final = frozenset({"tool_call", "tool_call_update", "plan"})
_NOBODY: Final = {"outcome": {"outcome": "cancelled"}}


class Answers:
    """Takes events by their type. begin: called before the first of them is shown."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin = begin

    def tell(self, event: str, /, **fields: Any) -> None:
        """One event."""
        raise NotImplementedError

    def usage(self, usage: Usage | None) -> None:
        """What was used, where the backend said."""
        if usage is not None:
            self.tell("usage", inputTokens=usage.input_tokens, outputTokens=usage.output_tokens)

    def _write(self, text: str) -> None:
        self._begin()
        sys.stdout.write(text)
        sys.stdout.flush()


class TextAnswers(Answers):
    """The text alone, with a newline behind it."""

    def tell(self, event: str, /, **fields: Any) -> None:
        if event == "text":
            self._write(fields["text"])
        elif event in {"end", "error"}:
            self._write("\n")


class JsonAnswers(Answers):
    """Each event as one line of JSON, its type first."""

    def tell(self, event: str, /, **fields: Any) -> None:
        self._write(json.dumps({"type": event, **fields}) + "\n")


class Printer:
    """The transport of an agent whose client is a pipeline: updates become events, and every question is a no."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.client: Client | None = None

    def post(self, line: bytes) -> None:
        """One line of the protocol."""
        message = decode(line)
        if isinstance(message, Request):
            if self.client is not None:
                self.client.deliver(Response(message.id, _NOBODY))
            return
        params = getattr(message, "params", None)
        if is_object(params) and is_object(params.get("update")):
            self._update(params["update"])

    async def room(self) -> None:
        """Writing to stdout has waited already."""

    def _update(self, update: Mapping[str, Any]) -> None:
        kind = update["sessionUpdate"]
        if kind in _CHUNKS:
            self._answers.tell(_CHUNKS[kind], text=update["content"].get("text", ""))
        elif kind in _TOLD:
            self._answers.tell(kind, **{key: value for key, value in update.items() if key != "sessionUpdate"})
