"""What the client was shown in one turn, as it can be shown again: whole messages, finished tool calls. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .jsonrpc import JsonObject, is_object

__all__ = ["Journal"]

_CHUNKS: Final = frozenset({"user_message_chunk", "agent_message_chunk", "agent_thought_chunk"})
_ENDED: Final = frozenset({"completed", "failed"})


class Journal:
    """Takes the turn's updates as they are sent; state that is not of the turn (modes, usage, …) is no part of it."""

    def __init__(self) -> None:
        self._shown: list[JsonObject] = []
        self._texts: list[str] = []  # of the last entry, while it is a message that may go on
        self._calls: dict[str, JsonObject] = {}
        self._plan: JsonObject | None = None

    def add(self, update: Mapping[str, Any]) -> None:
        """Take one update; runs per token."""
        kind = update.get("sessionUpdate")
        if kind in _CHUNKS:
            self._chunk(update)
        elif kind == "tool_call":
            self._close()
            self._calls[update["toolCallId"]] = call = dict(update)
            self._shown.append(call)
        elif kind == "tool_call_update" and update["toolCallId"] in self._calls:
            told = {key: value for key, value in update.items() if key != "sessionUpdate"}
            self._calls[update["toolCallId"]].update(told)
        elif kind == "plan":
            self._set_plan(update)

    def _chunk(self, update: Mapping[str, Any]) -> None:
        content = update["content"]
        last = self._shown[-1] if self._texts else None
        same = ("sessionUpdate", "messageId")
        if content.get("type") != "text":
            self._close()
            self._shown.append(dict(update))
        elif last is not None and all(last.get(key) == update.get(key) for key in same):
            self._texts.append(content["text"])
        else:
            self._close()
            self._shown.append({**update, "content": dict(content)})
            self._texts = [content["text"]]

    def _close(self) -> None:
        if self._texts:
            self._shown[-1]["content"]["text"] = "".join(self._texts)
            self._texts = []

    def _set_plan(self, update: Mapping[str, Any]) -> None:
        self._close()
        if self._plan is None:
            self._plan = {}
            self._shown.append(self._plan)
        self._plan.clear()
        self._plan.update(update)

    def take(self) -> list[JsonObject]:
        """What was shown since the last time."""
        self._close()
        shown = [_final(update) if update["sessionUpdate"] == "tool_call" else update for update in self._shown]
        self._shown, self._calls, self._plan = [], {}, None
        return shown


def _final(call: JsonObject) -> JsonObject:
    """A tool call that is over, without terminals: a terminal's id means nothing once it is released."""
    ended = {**call, "status": call.get("status") if call.get("status") in _ENDED else "failed"}
    if "content" in call:
        kept: list[JsonObject] = [each for each in call["content"] if each.get("type") != "terminal"]
        output = call.get("rawOutput")
        text = output.get("output") if is_object(output) else output
        if not kept and isinstance(text, str) and text:
            kept.append({"type": "content", "content": {"type": "text", "text": text}})
        ended["content"] = kept
    return ended
