"""How the double answers questions for permission: as scripted, with every wrong answer a client can give."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import trio

__all__ = ["Answer", "Permissions"]

Answer = (
    Literal[
        "allow_once",
        "allow_always",
        "reject_once",
        "reject_always",
        "cancelled",
        "unknown",  # an option that was not offered
        "error",  # a JSON-RPC error
        "missing",  # an answer without an outcome
        "null",  # no answer's worth at all
        "never",  # silence
    ]
    | trio.Event
)
"""An option by its kind, or a fault; an event is waited for, and then it is allow_once."""

_FAULTY: Mapping[str, Any] = {
    "missing": {},
    "null": None,
    "cancelled": {"outcome": {"outcome": "cancelled"}},
    "unknown": {"outcome": {"outcome": "selected", "optionId": "no such option"}},
}


@dataclass
class Permissions:
    """answers: used up in order, then `default`. asked: the params of every question, in order."""

    answers: deque[Answer] = field(default_factory=deque[Answer])
    default: Answer = "reject_once"
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    asking: trio.Event = field(default_factory=trio.Event)
    """Set when a question is there."""

    async def answer(self, params: dict[str, Any]) -> Any:
        """The result of one question; PermissionError where it is to be an error."""
        self.asked.append(params)
        self.asking.set()
        answer = self.answers.popleft() if self.answers else self.default
        if isinstance(answer, trio.Event):
            await answer.wait()
            answer = "allow_once"
        if answer == "never":
            await trio.sleep_forever()
        if answer == "error":
            raise PermissionError
        if answer in _FAULTY:
            return _FAULTY[answer]
        offered = {option["kind"]: option["optionId"] for option in params["options"]}
        return {"outcome": {"outcome": "selected", "optionId": offered[answer]}}
