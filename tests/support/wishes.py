"""A model that does what the prompt wishes, one for every client: the client alone decides what happens next.

`hang` says nothing, `half` stops in the middle, `slow` ends when a later prompt says `open`, `do JSON` calls the tools
of a list of [name, arguments] one after the other and tells what they gave, `recall` tells which messages it was
shown, as [role, first word]. Whatever else is wished for is answered in ordinary words.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import trio

from continuum.testing.upstream import (
    Answer,
    Completion,
    Hang,
    Plain,
    Raw,
    Request,
    Stream,
    ToolCall,
    Upstream,
    Wait,
)

HEARD = "/heard"
"""Where the wishes so far can be read, in order: {"heard": [first word, ...]}."""

Messages = list[dict[str, Any]]


class Wishes:
    """The script of one upstream."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._gate = trio.Event()
        self._pages: dict[str, Answer] = {}
        self._by_name: Mapping[str, Callable[[Messages, str], Answer]] = {
            "hang": lambda _, __: Raw((Hang(),)),
            "half": lambda _, __: Stream(("half", Hang())),
            "slow": lambda _, __: Stream(("slow ", Wait(self._gate), "end")),
            "open": self._open,
            "do": _do,
            "recall": _recall,
        }

    def told_by(self, upstream: Upstream) -> None:
        """Have the wishes readable there."""
        self._pages = upstream.pages
        self._pages[HEARD] = Plain({"heard": []})

    def __call__(self, request: Request) -> Answer:
        messages: Messages = request.json["messages"]
        word, _, rest = _text(_wish(messages)).partition(" ")
        self.heard.append(word)
        self._pages[HEARD] = Plain({"heard": list(self.heard)})
        answer = self._by_name.get(word)
        return answer(messages, rest) if answer else Completion()

    def _open(self, messages: Messages, rest: str) -> Answer:
        del messages, rest
        self._gate.set()
        return Stream(("open",))


def _wish(messages: Messages) -> dict[str, Any]:
    return next(message for message in reversed(messages) if message["role"] == "user")


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _do(messages: Messages, rest: str) -> Answer:
    wanted: list[tuple[str, dict[str, Any]]] = json.loads(rest)
    since = messages[messages.index(_wish(messages)) :]
    results = [_text(message) for message in since if message["role"] == "tool"]
    if len(results) == len(wanted):
        return Stream((json.dumps(results),))
    name, arguments = wanted[len(results)]
    return Completion((), tool_calls=(ToolCall(name, json.dumps(arguments), id=f"call-{len(messages)}"),))


def _recall(messages: Messages, rest: str) -> Answer:
    del rest
    shown = [(message["role"], _text(message).partition(" ")[0]) for message in messages]
    return Stream((json.dumps(shown),))
