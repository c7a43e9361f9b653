"""One turn as it is stored: what the model will be told of it, and what the client is shown again. Pure, no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, NamedTuple

from continuum.chat import Image, Message, Opaque, Part, Reasoning, Text, ToolResult, ToolUse

from .jsonrpc import JsonObject, is_object

__all__ = ["Turn", "decode", "encode", "history_of"]

_PARTS: Final[Mapping[str, type[Part]]] = {
    "text": Text,
    "image": Image,
    "reasoning": Reasoning,
    "tool_use": ToolUse,
    "tool_result": ToolResult,
    "opaque": Opaque,
}
_KINDS: Final = {kind: name for name, kind in _PARTS.items()}


class Turn(NamedTuple):
    """messages: what the history grows by. updates: the turn as session/update told it. replaces: the messages stand
    for all the history there was before (/compact).
    """

    messages: Sequence[Message]
    updates: Sequence[JsonObject] = ()
    replaces: bool = False


def encode(turn: Turn) -> bytes:
    """The turn as JSON; ASCII, so that a lone surrogate that came over the wire is kept too."""
    messages = [
        {"role": message.role, "name": message.name, "parts": [_plain(part) for part in message.parts]}
        for message in turn.messages
    ]
    data = {"messages": messages, "updates": list(turn.updates), "replaces": turn.replaces}
    return json.dumps(data, separators=(",", ":")).encode("ascii")


def decode(data: bytes) -> Turn:
    """The turn that `encode` wrote. ValueError: it did not write this."""
    try:
        stored = json.loads(data)
        messages = [
            Message(message["role"], [_part(part) for part in message["parts"]], message["name"])
            for message in stored["messages"]
        ]
        return Turn(messages, [update for update in stored["updates"] if is_object(update)], stored["replaces"])
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = f"not a stored turn: {type(error).__name__}"
        raise ValueError(msg) from error


def history_of(turns: Iterable[Turn]) -> list[Message]:
    """What the model is told of these turns."""
    history: list[Message] = []
    for turn in turns:
        if turn.replaces:
            history.clear()
        history += turn.messages
    return history


def _plain(part: Part) -> JsonObject:
    plain: JsonObject = {"kind": _KINDS[type(part)]}
    for field in fields(part):
        plain[field.name] = getattr(part, field.name)
    if isinstance(part, ToolResult):
        plain["content"] = [_plain(each) for each in part.content]
    return plain


def _part(stored: Mapping[str, Any]) -> Any:
    given = dict(stored)
    kind = _PARTS[given.pop("kind")]
    if kind is ToolResult:
        given["content"] = [_part(each) for each in given["content"]]
    return kind(**given)
