"""The streamed answer, both ways: chunks to canonical events, canonical events to chunks. Sans-I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from continuum.chat import (
    Failed,
    Finished,
    Opaque,
    PartEnded,
    PartStarted,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolArgsDelta,
    UsageReported,
    VendorFields,
)
from continuum.dialects.openai_chat.errors import read_stream_error, write_error
from continuum.dialects.openai_chat.wire import NAME, Chunk, decode_chunk, text_of, usage_in, usage_out
from continuum.dialects.raw import is_object
from continuum.errors import UpstreamProtocolError

if TYPE_CHECKING:
    from continuum.chat import Event, PartKind
    from continuum.dialects.openai_chat.wire import ChunkChoice, WireMessage, WireToolCall

__all__ = ["DONE", "StreamReader", "StreamWriter", "unusual"]

DONE = b"[DONE]"
_encode = msgspec.json.encode


class _OpenChoice:
    """What is open in one choice: the text-like part being written; tool calls in order, their ids, and which of
    them a wire index means now.
    """

    __slots__ = ("ids", "kind", "next_index", "part", "parts", "tools")

    def __init__(self) -> None:
        self.next_index = 0
        self.kind: PartKind | None = None
        self.part = 0
        self.tools: dict[int, int] = {}
        self.parts: list[int] = []
        self.ids: dict[int, str] = {}


class StreamReader:
    """Chunk payloads in, events out. `finished` turns true once every choice that began has said why it ended."""

    def __init__(self) -> None:
        self._started = False
        self._choices: dict[int, _OpenChoice] = {}
        self._ended: set[int] = set()

    @property
    def finished(self) -> bool:
        """Whether the answer is complete as far as its content goes."""
        return bool(self._ended) and self._ended >= self._choices.keys()

    def read(self, data: bytes) -> list[Event]:
        """The events of one chunk. Raises UpstreamProtocolError for what is not a JSON object."""
        try:
            chunk = decode_chunk(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _read_odd(data)
        if (more := self._more_text(chunk)) is not None:
            return [more]
        events: list[Event] = []
        if chunk.error is not None:
            return [Failed(read_stream_error(chunk.error))]
        if not self._started:
            self._started = True
            events.append(Started(chunk.id or "", chunk.model or "", int(chunk.created or 0)))
            if chunk.system_fingerprint:
                events.append(VendorFields(NAME, {"system_fingerprint": chunk.system_fingerprint}))
        for choice in chunk.choices or ():
            self._read_choice(choice, events)
        if chunk.usage is not None:
            events.append(UsageReported(usage_in(chunk.usage)))
        if chunk.timings is not None:
            events.append(VendorFields(NAME, {"timings": chunk.timings}))
        if chunk.choices and not (events and type(events[-1]) in _SPEAKING) and not _speaks(events):
            events += _unknown_deltas(data)
        return events

    def _more_text(self, chunk: Chunk) -> TextDelta | None:
        """What nearly all chunks are: more of the text that is being written, and nothing else. None for any other."""
        choices = chunk.choices
        if not choices or len(choices) > 1:
            return None
        if chunk.usage is not None or chunk.error is not None or chunk.timings is not None:
            return None
        choice = choices[0]
        state, delta = self._choices.get(choice.index), choice.delta
        if state is None or state.kind != "text" or delta is None or type(delta.content) is not str:
            return None
        if not delta.content or choice.finish_reason or choice.logprobs is not None or delta.tool_calls:
            return None
        if delta.reasoning_content or delta.reasoning or delta.refusal:
            return None
        return TextDelta(delta.content, state.part, choice.index)

    def _read_choice(self, choice: ChunkChoice, events: list[Event]) -> None:
        number = choice.index
        state = self._choices.get(number)
        if state is None:
            state = self._choices[number] = _OpenChoice()
        delta = choice.delta
        if delta is not None:
            self._read_delta(delta, number, state, events)
        if choice.logprobs is not None:
            events.append(Opaque(NAME, {"logprobs": choice.logprobs}, number))
        if choice.finish_reason:
            self._close_text(state, number, events)
            events.extend(PartEnded(part, number) for part in state.parts)
            state.tools, state.parts = {}, []
            self._ended.add(number)
            events.append(Finished(choice.finish_reason, number))

    def _read_delta(self, delta: WireMessage, number: int, state: _OpenChoice, events: list[Event]) -> None:
        thought = delta.reasoning_content or delta.reasoning
        if thought:
            self._open_text("reasoning", state, number, events)
            events.append(ReasoningDelta(thought, state.part, number))
        if delta.content and (text := text_of(delta.content)):
            if state.kind != "text":
                self._open_text("text", state, number, events)
            events.append(TextDelta(text, state.part, number))
        if delta.refusal:
            self._open_text("refusal", state, number, events)
            events.append(TextDelta(delta.refusal, state.part, number))
        for position, call in enumerate(delta.tool_calls or ()):
            self._read_tool_call(call, position, number, state, events)

    def _read_tool_call(
        self, call: WireToolCall, position: int, number: int, state: _OpenChoice, events: list[Event]
    ) -> None:
        wire_index = call.index if call.index is not None else position
        function = call.function
        part = state.tools.get(wire_index)
        if part is not None and call.id and call.id != state.ids.get(part):
            part = None  # some servers number every call 0
        if part is None:
            self._close_text(state, number, events)
            part = state.tools[wire_index] = state.next_index
            state.next_index += 1
            state.ids[part] = call.id or ""
            state.parts.append(part)
            name = (function.name if function else None) or ""
            events.append(PartStarted(part, "tool", call.id or "", name, number))
        if function is not None and function.arguments:
            events.append(ToolArgsDelta(function.arguments, part, number))

    @staticmethod
    def _open_text(kind: PartKind, state: _OpenChoice, number: int, events: list[Event]) -> None:
        if state.kind == kind:
            return
        StreamReader._close_text(state, number, events)
        state.kind, state.part = kind, state.next_index
        state.next_index += 1
        events.append(PartStarted(state.part, kind, choice=number))

    @staticmethod
    def _close_text(state: _OpenChoice, number: int, events: list[Event]) -> None:
        if state.kind is not None:
            events.append(PartEnded(state.part, number))
            state.kind = None


class _RawChoice(msgspec.Struct):
    index: int = 0
    delta: dict[str, object] | None = None


class _RawDeltas(msgspec.Struct):
    choices: list[_RawChoice]


_decode_deltas = msgspec.json.Decoder(_RawDeltas).decode
_SPEAKING = frozenset({TextDelta, ReasoningDelta, ToolArgsDelta, PartStarted, Finished})


def _speaks(events: list[Event]) -> bool:
    return any(type(event) in _SPEAKING for event in events)


def _unknown_deltas(data: bytes) -> list[Event]:
    """What a chunk without content of a known kind says all the same: audio, older function calls, novelties."""
    found: list[Event] = []
    for choice in _decode_deltas(data).choices:
        delta = {name: value for name, value in (choice.delta or {}).items() if value and name != "role"}
        if delta:
            found.append(Opaque(NAME, {"delta": delta}, choice.index))
    return found


def _read_odd(data: bytes) -> list[Event]:
    """What is no chunk as we know them. Raises UpstreamProtocolError for what is not a JSON object."""
    try:
        value: object = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamProtocolError("the backend sent an event that is not JSON") from None
    return unusual(value, NAME)


def unusual(value: object, dialect: str) -> list[Event]:
    """JSON, but not of the shape the dialect's reader knows: carried whole for clients of that dialect."""
    if not is_object(value):
        raise UpstreamProtocolError("the backend sent an event that is not a JSON object")
    if value.get("error") is not None:
        return [Failed(read_stream_error(value["error"]))]
    return [Opaque(dialect, {"chunk": value})]


_TEXT_FIELDS = {"text": "content", "refusal": "refusal"}


class StreamWriter:
    """Events in, chunk payloads out (frame them with `framing.server_sent`; end the stream with DONE)."""

    def __init__(self) -> None:
        self._head: dict[str, object] = {"id": "", "object": "chat.completion.chunk", "created": 0, "model": ""}
        self._kinds: dict[tuple[int, int], PartKind] = {}
        self._tools: dict[tuple[int, int], int] = {}
        self._tool_counts: dict[int, int] = {}

    def write(self, event: Event) -> bytes | None:  # noqa: C901 - one case per event
        """The chunk that says this event; None where the dialect says nothing."""
        match event:
            case TextDelta(text, index, choice):
                return self._delta({_TEXT_FIELDS[self._kinds[choice, index]]: text}, choice)
            case ReasoningDelta(text, _, choice):
                return self._delta({"reasoning_content": text}, choice)
            case ToolArgsDelta(json, index, choice):
                call = {"index": self._tools[choice, index], "function": {"arguments": json}}
                return self._delta({"tool_calls": [call]}, choice)
            case PartStarted():
                return self._start_part(event)
            case Started(answer_id, model, created):
                self._head.update(id=answer_id, created=created, model=model)
                return self._delta({"role": "assistant", "content": ""}, 0)
            case Finished(reason, choice):
                return self._choice({"delta": {}, "finish_reason": reason}, choice)
            case UsageReported(usage):
                return _encode({**self._head, "choices": [], "usage": usage_out(usage)})
            case Failed(error):
                return write_error(error)
            case Opaque(dialect, data, choice) if dialect == NAME:
                return self._opaque(data, choice)
            case VendorFields(dialect, fields) if dialect == NAME:
                return _encode({**self._head, "choices": [], **fields})
            case PartEnded() | Opaque() | VendorFields():
                return None

    def _start_part(self, event: PartStarted) -> bytes | None:
        place = (event.choice, event.index)
        self._kinds[place] = event.kind
        if event.kind != "tool":
            return None
        number = self._tools[place] = self._tool_counts.get(event.choice, 0)
        self._tool_counts[event.choice] = number + 1
        function = {"name": event.name, "arguments": ""}
        call = {"index": number, "id": event.id, "type": "function", "function": function}
        return self._delta({"tool_calls": [call]}, event.choice)

    def _opaque(self, data: dict[str, Any], choice: int) -> bytes:
        if "chunk" in data:
            return _encode(data["chunk"])
        return self._choice({"delta": {}, **data}, choice)

    def _delta(self, delta: dict[str, object], choice: int) -> bytes:
        return self._choice({"delta": delta, "finish_reason": None}, choice)

    def _choice(self, fields: dict[str, object], choice: int) -> bytes:
        return _encode({**self._head, "choices": [{"index": choice, **fields}]})
