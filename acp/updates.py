"""Canonical events to session/update notifications. Pure; runs per token."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from continuum.chat import Event, PartStarted, ReasoningDelta, TextDelta

from .jsonrpc import JsonObject

__all__ = ["Updates", "thought"]


def _new_message_id() -> str:
    return str(uuid4())


class Updates:
    """One turn's events in, the params of one notification or nothing out.

    Each part of the answer is a message of its own: a change of messageId is where the client begins a new bubble.
    """

    def __init__(self, session_id: str, new_message_id: Callable[[], str] = _new_message_id) -> None:
        self._session_id = session_id
        self._new_message_id = new_message_id
        self._message_ids: dict[int, str] = {}

    def of(self, event: Event) -> JsonObject | None:
        """What the client is told about `event`."""
        match event:
            case TextDelta(text, index) if text:
                return self._chunk("agent_message_chunk", text, index)
            case ReasoningDelta(text, index) if text:
                return self._chunk("agent_thought_chunk", text, index)
            case PartStarted(index):
                self._message_ids[index] = self._new_message_id()
                return None
            case _:
                return None

    def _chunk(self, kind: str, text: str, index: int) -> JsonObject:
        update = {
            "sessionUpdate": kind,
            "content": {"type": "text", "text": text},
            "messageId": self._message_ids[index],
        }
        return {"sessionId": self._session_id, "update": update}


def thought(session_id: str, text: str) -> JsonObject:
    """Something the agent has to say that is no part of an answer, as a thought of its own."""
    update = {
        "sessionUpdate": "agent_thought_chunk",
        "content": {"type": "text", "text": text},
        "messageId": _new_message_id(),
    }
    return {"sessionId": session_id, "update": update}
