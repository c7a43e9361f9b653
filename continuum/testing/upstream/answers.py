"""Answers as data: each turns a request into wire-level steps. None of them knows a socket."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from . import openai
from .request import Request
from .steps import END, Headers, Send, Step, event, head, stream_data

Part = str | bytes | Mapping[str, Any] | Step
"""One piece of a stream: content, raw body bytes, a whole event, or a step such as Wait(gate)."""

JSON_TYPE = ("content-type", "application/json")
SSE_TYPE = ("content-type", "text/event-stream; charset=utf-8")
CHUNKED = ("transfer-encoding", "chunked")


class Answer(Protocol):
    """What the upstream does about one request."""

    def steps(self, request: Request) -> Iterable[Step]:
        """The steps to take, in order; without Close or Reset the connection is kept."""
        ...


@dataclass(frozen=True, slots=True)
class Raw:
    """Exactly these steps."""

    script: tuple[Step, ...]

    def steps(self, request: Request) -> Iterable[Step]:  # noqa: ARG002 - the protocol's signature
        """The steps as given."""
        return self.script


@dataclass(frozen=True, slots=True)
class Plain:
    """A whole response: JSON or bytes, with its length declared."""

    body: Mapping[str, Any] | Sequence[Any] | bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    before: tuple[Step, ...] = ()

    def steps(self, request: Request) -> Iterator[Step]:  # noqa: ARG002 - the protocol's signature
        """`before`, then head and body in one write."""
        body = self.body if isinstance(self.body, bytes) else dumps(self.body).encode()
        yield from self.before
        yield Send(head(self.status, _with_type(self.headers, JSON_TYPE, ("content-length", str(len(body))))) + body)


@dataclass(frozen=True, slots=True)
class Stream:
    """A streamed chat completion: role chunk, the parts, finish chunk, usage when asked for, [DONE], end of body.

    With a `tail` only the tail follows the parts; `end` stands for the end of the body. `framing` turns one event's
    data into bytes; `piece` cuts the body into HTTP chunks of that many bytes.
    """

    parts: tuple[Part, ...] = openai.WORDS
    finish_reason: str | None = "stop"
    done: bool = True
    tail: tuple[Part, ...] | None = None
    role: bool = True
    end: Step = END
    framing: Callable[[str], bytes] = event
    piece: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    before: tuple[Step, ...] = ()

    def steps(self, request: Request) -> Iterator[Step]:
        """One write per part."""
        yield from self.before
        yield Send(head(200, _with_type(self.headers, SSE_TYPE, CHUNKED)))
        for part in self._all_parts(request):
            if isinstance(part, str | bytes | Mapping):
                yield from self._pieces(self._body(part, request.model))
            else:
                yield part
        if self.tail is None:
            yield self.end

    def body(self, request: Request) -> bytes:
        """The events alone, unframed by HTTP; steps are left out."""
        parts = self._all_parts(request)
        return b"".join(self._body(part, request.model) for part in parts if isinstance(part, str | bytes | Mapping))

    def _all_parts(self, request: Request) -> Iterator[Part]:
        if self.role:
            yield openai.chunk(request.model, {"role": "assistant", "content": ""})
        yield from self.parts
        if self.tail is not None:
            yield from self.tail
            return
        if self.finish_reason is not None:
            yield openai.chunk(request.model, {}, self.finish_reason)
        if request.wants_usage:
            yield openai.usage_chunk(request.model, len(self.parts))
        if self.done:
            yield self.framing("[DONE]")

    def _body(self, part: str | bytes | Mapping[str, Any], model: str) -> bytes:
        if isinstance(part, bytes):
            return part
        data = openai.chunk(model, {"content": part}) if isinstance(part, str) else part
        return self.framing(dumps(data))

    def _pieces(self, data: bytes) -> Iterator[Step]:
        size = self.piece or len(data)
        for start in range(0, len(data), size):
            yield stream_data(data[start : start + size])


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one tool; `arguments` is JSON text."""

    name: str
    arguments: str = "{}"
    id: str = "call_upstream_1"


@dataclass(frozen=True, slots=True)
class Completion:
    """The ordinary answer, plain or streamed as the request asks; `gap` steps stand between its words."""

    words: tuple[str, ...] = openai.WORDS
    tool_calls: tuple[ToolCall, ...] = ()
    gap: tuple[Step, ...] = ()
    before: tuple[Step, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def steps(self, request: Request) -> Iterable[Step]:
        """A Stream or a Plain, as asked."""
        return self.answer(request).steps(request)

    def answer(self, request: Request) -> Stream | Plain:
        """What is answered, for those who want to alter it."""
        finish_reason = "tool_calls" if self.tool_calls else "stop"
        if request.streaming:
            parts = tuple(_call_events(request.model, self.tool_calls)) or _spaced(self.words, self.gap)
            return Stream(parts, finish_reason, before=self.before)
        message: dict[str, Any] = {"content": "".join(self.words)}
        if self.tool_calls:
            message = {"content": None, "tool_calls": [_call(call) for call in self.tool_calls]}
        body = openai.completion(request.model, message, finish_reason, len(self.words))
        return Plain({**body, **self.extra}, before=self.before)


@dataclass(frozen=True, slots=True)
class HeadThen:
    """The head of a good answer, then these steps in place of its body."""

    script: tuple[Step, ...]

    def steps(self, request: Request) -> Iterator[Step]:
        """Head first, in its own write."""
        promised = (SSE_TYPE, CHUNKED) if request.streaming else (JSON_TYPE, ("content-length", "4096"))
        yield Send(head(200, promised))
        yield from self.script


@dataclass(frozen=True, slots=True)
class FirstOnly:
    """One answer for the first request of a connection, another for those that reuse it."""

    first: Answer
    later: Answer

    def steps(self, request: Request) -> Iterable[Step]:
        """By the request's place on its connection."""
        return (self.first if request.ordinal == 1 else self.later).steps(request)


def dumps(value: object) -> str:
    """Compact JSON with its characters unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _with_type(headers: Headers, *defaults: tuple[str, str]) -> list[tuple[str, str]]:
    given = list(headers)
    names = {name.lower() for name, _ in given}
    return [default for default in defaults if default[0] not in names] + given


def _spaced(words: Sequence[str], gap: tuple[Step, ...]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for word in words:
        parts += [*gap, word] if parts else [word]
    return tuple(parts)


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _call_events(model: str, calls: Sequence[ToolCall]) -> Iterator[dict[str, Any]]:
    """As vendors stream a call: its name with empty arguments, then the arguments in two pieces."""
    for index, call in enumerate(calls):
        opening = {**_call(ToolCall(call.name, "", call.id)), "index": index}
        yield openai.chunk(model, {"tool_calls": [opening]})
        middle = len(call.arguments) // 2
        for piece in (call.arguments[:middle], call.arguments[middle:]):
            yield openai.chunk(model, {"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
