"""How much of a conversation fits a model: estimates of tokens, and the oldest turns left out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from continuum.chat import Image, Message, Part, Reasoning, Text, ToolResult, ToolUse

if TYPE_CHECKING:
    from .session import Session

__all__ = ["fitting", "halved", "size_of", "window_of"]

_BYTES_A_TOKEN: Final = 3.5  # of UTF-8; English text has more, code and other scripts about this many
_IMAGE_TOKENS: Final = 1500
_MESSAGE_TOKENS: Final = 8  # what a chat template puts around each
_ANSWER_SHARE: Final = 0.25  # of the window, kept free for the answer and for what the estimate misses


def window_of(session: Session) -> int | None:
    """The context window of the session's model in tokens; None where no server says."""
    return next((model.context_window for model in session.host.models() if model.id == session.model), None)


def size_of(messages: Sequence[Message]) -> int:
    """About how many tokens these are."""
    return sum(_MESSAGE_TOKENS + sum(map(_size, message.parts)) for message in messages)


def _size(part: Part) -> int:
    match part:
        case Text(text) | Reasoning(text):
            return _text(text)
        case ToolUse():
            return _text(part.name) + _text(part.arguments)
        case ToolResult(content=content):
            return sum(map(_size, content))
        case Image():
            return _IMAGE_TOKENS
        case _:
            return 0


def _text(text: str) -> int:
    return int(len(text.encode("utf-8", "replace")) / _BYTES_A_TOKEN) + 1


def fitting(history: Sequence[Message], rest: Sequence[Message], window: int | None) -> list[Message]:
    """The youngest whole turns of the history that fit the window beside what must be said anyway."""
    if window is None:
        return list(history)
    left = int(window * (1 - _ANSWER_SHARE)) - size_of(rest)
    kept: list[Message] = []
    for turn in reversed(_turns(history)):
        left -= size_of(turn)
        if left < 0:
            break
        kept[:0] = turn
    return kept


def halved(history: Sequence[Message]) -> list[Message]:
    """The younger half of the turns: for a server that said the whole was too long."""
    turns = _turns(history)
    return [message for turn in turns[(len(turns) + 1) // 2 :] for message in turn]


def _turns(history: Sequence[Message]) -> list[list[Message]]:
    """A turn goes from what the user said to the next of it: a tool call and its result are never parted."""
    turns: list[list[Message]] = []
    for message in history:
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns
