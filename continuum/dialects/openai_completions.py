"""OpenAI's text completions (`/v1/completions`): passed through, and read as far as a router must. Sans-I/O.

Source: the OpenAI API reference (completions, legacy); streams as vLLM and llama.cpp send them. A completion is
answered where a backend has the operation and is never made into a chat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from continuum.chat import (
    ChatResponse,
    Choice,
    Failed,
    Finished,
    Opaque,
    PartEnded,
    PartStarted,
    ResponsePart,
    Started,
    TextDelta,
    UsageReported,
)
from continuum.dialects.openai_chat import (
    DONE,
    Envelope,
    Subject,
    WireUsage,
    join_logprobs,
    open_envelope,
    read_stream_error,
    unusual,
    usage_in,
    usage_out,
    write_error,
)
from continuum.errors import UpstreamProtocolError

if TYPE_CHECKING:
    from continuum.chat import Event, Usage

__all__ = [
    "DONE",
    "NAME",
    "StreamReader",
    "StreamWriter",
    "open_request",
    "read_response",
    "read_usage",
    "write_response",
]

NAME = "openai_completions"

_PROMPT = Subject("prompt", b'"[n', "a string or a list", required=False)


class _ChunkChoice(msgspec.Struct):
    index: int = 0
    text: str | None = None
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class _Chunk(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    created: float | None = None
    choices: list[_ChunkChoice] | None = None
    usage: WireUsage | None = None
    error: Any = None


class _Choice(msgspec.Struct):
    text: str
    index: int = 0
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    id: str | None = None
    model: str | None = None
    created: float | None = None
    usage: WireUsage | None = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_completion = msgspec.json.Decoder(_Completion).decode
_encode = msgspec.json.encode


def open_request(body: bytes, *, default_model: str | None = None) -> Envelope:
    """A client's request, its prompt (text, or tokens) untouched."""
    return open_envelope(body, subject=_PROMPT, default_model=default_model)


class StreamReader:
    """Chunk payloads in, events out: each choice is one text part."""

    def __init__(self) -> None:
        self._started = False
        self._choices: set[int] = set()
        self._open: set[int] = set()
        self._ended: set[int] = set()

    @property
    def finished(self) -> bool:
        """Whether every choice that began has said why it ended."""
        return bool(self._ended) and self._ended >= self._choices

    def read(self, data: bytes) -> list[Event]:
        """The events of one chunk. Raises UpstreamProtocolError for what is not a JSON object."""
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamProtocolError("the backend sent an event that is not JSON") from None
        if not isinstance(chunk, _Chunk):
            return unusual(chunk, NAME)
        if chunk.error is not None:
            return [Failed(read_stream_error(chunk.error))]
        events: list[Event] = []
        if not self._started:
            self._started = True
            events.append(Started(chunk.id or "", chunk.model or "", int(chunk.created or 0)))
        for choice in chunk.choices or ():
            self._read_choice(choice, events)
        if chunk.usage is not None:
            events.append(UsageReported(usage_in(chunk.usage)))
        return events

    def _read_choice(self, choice: _ChunkChoice, events: list[Event]) -> None:
        number = choice.index
        self._choices.add(number)
        if choice.text:
            if number not in self._open:
                self._open.add(number)
                events.append(PartStarted(0, "text", choice=number))
            events.append(TextDelta(choice.text, 0, number))
        if choice.logprobs is not None:
            events.append(Opaque(NAME, {"logprobs": choice.logprobs}, number))
        if choice.finish_reason and number not in self._ended:
            self._ended.add(number)
            if number in self._open:
                events.append(PartEnded(0, number))
            events.append(Finished(choice.finish_reason, number))


def _decode(data: bytes) -> _Chunk | object:
    try:
        return _decode_chunk(data)
    except msgspec.ValidationError:
        value: object = msgspec.json.decode(data)
        return value


class StreamWriter:
    """Events in, chunk payloads out."""

    def __init__(self) -> None:
        self._head: dict[str, object] = {"id": "", "object": "text_completion", "created": 0, "model": ""}

    def write(self, event: Event) -> bytes | None:
        """The chunk that says this event; None where a text completion says nothing."""
        match event:
            case TextDelta(text, _, choice):
                return self._choice(text, choice)
            case Started(answer_id, model, created):
                self._head.update(id=answer_id, created=created, model=model)
                return None
            case Finished(reason, choice):
                return self._choice("", choice, finish_reason=reason)
            case UsageReported(usage):
                return _encode({**self._head, "choices": [], "usage": usage_out(usage)})
            case Failed(error):
                return write_error(error)
            case Opaque(dialect, data, choice) if dialect == NAME:
                return _encode(data["chunk"]) if "chunk" in data else self._choice("", choice, **data)
            case _:  # of other dialects, or for chats
                return None

    def _choice(self, text: str, number: int, **more: object) -> bytes:
        choice = {"text": text, "index": number, "logprobs": None, "finish_reason": None, **more}
        return _encode({**self._head, "choices": [choice]})


def read_response(body: bytes) -> ChatResponse:
    """A whole answer, each choice one text. Raises UpstreamProtocolError when it is none."""
    try:
        wire = _decode_completion(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamProtocolError("the backend's answer is not a text completion") from None
    choices = [_read_choice(choice, number) for number, choice in enumerate(wire.choices)]
    usage = usage_in(wire.usage) if wire.usage is not None else None
    return ChatResponse(wire.id or "", wire.model or "", int(wire.created or 0), choices, usage)


def _read_choice(wire: _Choice, number: int) -> Choice:
    parts = [ResponsePart("text", wire.text)] if wire.text else []
    opaque = [Opaque(NAME, {"logprobs": wire.logprobs}, number)] if wire.logprobs is not None else []
    return Choice(parts, wire.finish_reason or "", opaque)


def write_response(response: ChatResponse) -> bytes:
    """The body of a text completion."""
    choices = [
        {
            "text": "".join(part.text for part in choice.parts if part.kind == "text"),
            "index": number,
            "logprobs": join_logprobs(choice, NAME),
            "finish_reason": choice.finish_reason or None,
        }
        for number, choice in enumerate(response.choices)
    ]
    body: dict[str, object] = {
        "id": response.id,
        "object": "text_completion",
        "created": response.created,
        "model": response.model,
        "choices": choices,
    }
    if response.usage is not None:
        body["usage"] = usage_out(response.usage)
    return _encode(body)


def read_usage(body: bytes) -> Usage | None:
    """What an answer that goes on as it came has used."""
    return read_response(body).usage
