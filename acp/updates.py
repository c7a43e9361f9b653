"""Canonical events to session/update notifications. Pure; runs per token."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from continuum.chat import Event, PartStarted, ReasoningDelta, TextDelta

from .sent.updates import ChunkKind, MessageChunk

__all__ = ["Updates", "message", "thought"]


def _new_message_id() -> str:
    return str(uuid4())


class Updates:
    """One turn's events in, one update or nothing out.

    Each part of the answer is a message of its own: a change of messageId is where the client begins a new bubble.
    """

    def __init__(self, new_message_id: Callable[[], str] = _new_message_id) -> None:
        self._new_message_id = new_message_id
        self._message_ids: dict[int, str] = {}

    def of(self, event: Event) -> MessageChunk | None:
        """What the client is told about `event`."""
        match event:
            case TextDelta(text, index) if text:
                return _chunk("agent_message_chunk", text, self._message_ids[index])
            case ReasoningDelta(text, index) if text:
                return _chunk("agent_thought_chunk", text, self._message_ids[index])
            case PartStarted(index):
                self._message_ids[index] = self._new_message_id()
                return None
            case _:
                return None


def thought(text: str) -> MessageChunk:
    """Something the agent has to say that is no part of an answer, as a thought of its own."""
    return _chunk("agent_thought_chunk", text, _new_message_id())


def message(text: str) -> MessageChunk:
    """What a command answers, as a message of its own."""
    return _chunk("agent_message_chunk", text, _new_message_id())


def _chunk(kind: ChunkKind, text: str, message_id: str) -> MessageChunk:
    return {"sessionUpdate": kind, "content": {"type": "text", "text": text}, "messageId": message_id}
