"""A client's request body kept as it came: only the fields a router must know are looked at, only those are edited.

Sans-I/O. `messages`, tools and every unknown field stay the bytes the client sent (msgspec.Raw).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

import msgspec

from continuum.dialects.openai_chat.opening import opening
from continuum.dialects.openai_chat.system import with_prompt
from continuum.dialects.raw import is_object
from continuum.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.chat import GlobalPrompt

__all__ = ["Envelope", "Subject", "open_envelope"]

_T = TypeVar("_T")

MAX_DEPTH = 100
MAX_MODEL_LENGTH = 256
MAX_DIGITS = 400

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_string = msgspec.json.Decoder(str).decode
_encode = msgspec.json.encode

_NOT_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))
_NUMBERS = frozenset(b"%c" % digit for digit in b"-0123456789")
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # one deeper, one up: as signed bytes
_COUNTED = 64 * 1024

_NO_NAME = frozenset({b'""', b"null"})

_BOUNDS = ("max_completion_tokens", "max_tokens")

_DROPPED = ("api_base", "base_url", "api_key")
"""Fields that would choose a URL or a credential: no body does that here."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The field that says what a request is about: its name, the bytes its JSON may begin with, and that in words.

    streams: whether an answer may come as a stream.
    """

    name: str
    begins: bytes
    wanted: str
    required: bool = True
    streams: bool = True


_MESSAGES = Subject("messages", b"[", "a list")


_ESSENTIAL = frozenset(
    {"model", "messages", "prompt", "input", "stream", "stream_options", "n", "user", "encoding_format", "dimensions"}
    | {"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "response_format"}
)
"""What is asked, and the form of the answer. All else are parameters of a model."""


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


_BOOL: msgspec.json.Decoder[bool | None] = msgspec.json.Decoder(bool | None)
_INT: msgspec.json.Decoder[int | None] = msgspec.json.Decoder(int | None)
_OPTIONS: msgspec.json.Decoder[_StreamOptions | None] = msgspec.json.Decoder(_StreamOptions | None)


class Envelope:
    """One request. model: as asked, the default where the body names none. stream, include_usage: what the client
    wants back.
    """

    __slots__ = ("_body", "_fields", "_named", "include_usage", "model", "stream")

    def __init__(
        self, body: bytes, fields: dict[str, msgspec.Raw], default_model: str | None, *, streams: bool = True
    ) -> None:
        self._body = body
        self._fields = fields
        self._named = _names_model(fields)
        self.model = _read_model(fields) if self._named or default_model is None else default_model
        _field(fields, "n", _INT, "an integer")
        self.stream = self.include_usage = False
        if not streams:
            return
        self.stream = _field(fields, "stream", _BOOL, "true or false") or False
        options = _field(fields, "stream_options", _OPTIONS, "an object")
        self.include_usage = bool(options and options.include_usage)

    def render(
        self, *, model: str, stream: bool, include_usage: bool, prompt: GlobalPrompt | None = None, once: bool = False
    ) -> bytes:
        """The body for a backend: the client's own bytes where nothing has to change. prompt: for its messages.
        once: a field that the client wrote twice goes on as it was read here, and no other way.
        """
        fields: dict[str, object] = {}
        if prompt is not None:
            fields["messages"] = with_prompt(self._fields["messages"], prompt)
        if model != self.model or not self._named:
            fields["model"] = model
        if stream != self.stream:
            fields["stream"] = stream
        if stream and include_usage and not self.include_usage:
            fields["stream_options"] = self._options({"include_usage": True})
        dropped = [name for name in _DROPPED if name in self._fields]
        if not fields and not dropped and not once:
            return self._body
        merged: dict[str, object] = {**self._fields, **fields}
        for name in dropped:
            del merged[name]
        if not stream:
            merged.pop("stream_options", None)
        return _encode(merged)

    def without_parameters(self) -> Envelope:
        """The same question and form of answer, for a model that may not know the other fields."""
        fields = {name: raw for name, raw in self._fields.items() if name in _ESSENTIAL}
        bare = Envelope(_encode(fields), fields, self.model, streams=False)
        bare.stream, bare.include_usage = self.stream, self.include_usage
        return bare

    @property
    def body(self) -> bytes:
        """As it came."""
        return self._body

    def answer_bound(self) -> int | None:
        """The most tokens its answers may have together; None where it does not say."""
        bound = next((found for name in _BOUNDS if (found := self._count(name)) is not None), None)
        return None if bound is None else bound * max(1, self._count("n") or 1)

    def _count(self, name: str) -> int | None:
        """A field that counts something; None also where it holds anything else: that is the backend's to refuse."""
        try:
            count = _field(self._fields, name, _INT, "an integer")
        except InvalidRequest:
            return None
        return None if count is None else max(0, count)

    def opening(self, length: int) -> str:
        """The prompt's first `length` characters."""
        messages = self._fields.get("messages")
        return opening(messages, length) if messages is not None else ""

    def _options(self, extra: Mapping[str, object]) -> dict[str, object]:
        raw = self._fields.get("stream_options")
        known: object = msgspec.json.decode(raw) if raw is not None else None
        return {**known, **extra} if is_object(known) else dict(extra)


def open_envelope(body: bytes, *, subject: Subject = _MESSAGES, default_model: str | None = None) -> Envelope:
    """Read a body as far as a router must. Raises InvalidRequest naming the field."""
    try:
        str(body, "utf-8")
        fields = _decode_fields(body)
    except UnicodeDecodeError:
        raise InvalidRequest("the body is not valid UTF-8", code="invalid_json") from None
    except msgspec.ValidationError:
        raise InvalidRequest("the body must be a JSON object", code="invalid_json") from None
    except msgspec.DecodeError as fault:
        raise InvalidRequest(f"the body is not valid JSON: {fault}", code="invalid_json") from None
    except RecursionError:
        raise _too_deep() from None
    if _deeper_than(body, MAX_DEPTH):
        raise _too_deep()
    for name, raw in fields.items():
        if len(memoryview(raw)) > MAX_DIGITS and bytes(memoryview(raw)[:1]) in _NUMBERS:
            raise InvalidRequest(f"'{name}' is not a number that anything can hold", code="invalid_value", param=name)
    _check_subject(subject, fields.get(subject.name))
    return Envelope(body, fields, default_model, streams=subject.streams)


def _check_subject(subject: Subject, value: msgspec.Raw | None) -> None:
    name = subject.name
    if value is None:
        if subject.required:
            raise InvalidRequest(f"'{name}' is required", code="missing_required_parameter", param=name)
    elif bytes(memoryview(value)[:1]) not in subject.begins:
        raise InvalidRequest(f"'{name}' must be {subject.wanted}", code="invalid_type", param=name)


def _too_deep() -> InvalidRequest:
    return InvalidRequest(f"the body is nested deeper than {MAX_DEPTH} levels", code="invalid_json")


def _deeper_than(body: bytes, limit: int) -> bool:
    """Whether brackets nest deeper than `limit`. Counting costs more than all else that is done to a large body:
    there the parser's own limit, about a thousand, is enough.
    """
    if len(body) > _COUNTED or body.count(b"[") + body.count(b"{") <= limit:
        return False
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b"".join(body.split(b'"')[::2])
    return max(accumulate(memoryview(outside.translate(_STEPS, _NOT_BRACKETS)).cast("b"))) > limit


def _names_model(fields: Mapping[str, msgspec.Raw]) -> bool:
    """Whether the body names a model: null and the empty name are none."""
    raw = fields.get("model")
    return raw is not None and bytes(memoryview(raw)[:4]) not in _NO_NAME


def _read_model(fields: Mapping[str, msgspec.Raw]) -> str:
    raw = fields.get("model")
    if raw is None:
        raise InvalidRequest("'model' is required", code="missing_required_parameter", param="model")
    try:
        model = _decode_string(raw)
    except msgspec.ValidationError:
        raise InvalidRequest("'model' must be a string", code="invalid_type", param="model") from None
    if not model or len(model) > MAX_MODEL_LENGTH or not model.isprintable():
        raise InvalidRequest(
            f"'model' must be 1 to {MAX_MODEL_LENGTH} printable characters", code="invalid_value", param="model"
        )
    return model


def _field(
    fields: Mapping[str, msgspec.Raw], name: str, decoder: msgspec.json.Decoder[_T | None], wanted: str
) -> _T | None:
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise InvalidRequest(f"'{name}' must be {wanted}", code="invalid_type", param=name) from None
