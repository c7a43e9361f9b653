"""JSON-RPC 2.0 over newline-delimited UTF-8, sans-I/O: bytes in, decoded messages out, and back.

Knows no method, no descriptor and no event loop. Imported before `initialize` is answered: stdlib only, and named
tuples rather than dataclasses, which cost the start ten times as much.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isinf
from typing import Any, Final, NamedTuple, NoReturn, TypeGuard

__all__ = [
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "MAX_DEPTH",
    "MAX_LINE",
    "METHOD_NOT_FOUND",
    "NOT_FOUND",
    "PARSE_ERROR",
    "REQUEST_CANCELLED",
    "Invalid",
    "JsonObject",
    "Message",
    "MessageReader",
    "Notification",
    "Request",
    "RequestId",
    "Response",
    "RpcError",
    "decode",
    "encode_error",
    "encode_notification",
    "encode_request",
    "encode_result",
    "is_id",
    "is_object",
    "well_formed",
]

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
REQUEST_CANCELLED: Final = -32800
NOT_FOUND: Final = -32002  # ACP: no such session or file

MAX_LINE: Final = 16 * 1024 * 1024  # bytes of one message, newline not counted
MAX_DEPTH: Final = 128  # arrays and objects inside one another

JsonObject = dict[str, Any]
RequestId = int | str | None


class RpcError(Exception):
    """What a request is answered with when it fails for a reason of the protocol's own."""

    def __init__(self, code: int, message: str, data: JsonObject | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class Request(NamedTuple):
    """Wants an answer under `id`. params is whatever JSON value stood there, None when nothing did."""

    id: RequestId
    method: str
    params: Any = None


class Notification(NamedTuple):
    """Wants no answer, not even an error."""

    method: str
    params: Any = None


class Response(NamedTuple):
    """The client's answer to a request of ours: `error` or `result`."""

    id: RequestId
    result: Any = None
    error: Any = None


class Invalid(NamedTuple):
    """A line that is none of these; answered with this error, under its id where one could be read."""

    code: int
    message: str
    id: RequestId = None


Message = Request | Notification | Response | Invalid


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Whether a decoded value is a JSON object."""
    return isinstance(value, dict)


def well_formed(text: str) -> str:
    """The text as databases and servers can take it: JSON may name halves of characters, UTF-8 has none."""
    return text.encode("utf-8", "replace").decode("utf-8")


def is_id(value: object) -> TypeGuard[RequestId]:
    """Whether a decoded value can be a request's id: to Python true is an integer, to JSON-RPC it is not."""
    return value is None or isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _finite(digits: str) -> float:
    number = float(digits)
    if isinf(number):  # it would come out again as a word that is no JSON
        raise ValueError(digits[:32])
    return number


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
# ASCII on the wire: no client can be upset by a character cut between two reads or by an odd line separator.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))
_BOM: Final = b"\xef\xbb\xbf"
# A NUL before a message is the second half of a UTF-16 newline: it must not spoil the line after it.
_PADDING: Final = b" \t\r\0"


def decode(line: bytes) -> Message:
    """What one line says. Never raises."""
    try:
        value = _DECODER.decode(line.removeprefix(_BOM).decode())
    except UnicodeDecodeError:
        return Invalid(PARSE_ERROR, "Parse error: not UTF-8")
    except json.JSONDecodeError as error:
        return Invalid(PARSE_ERROR, f"Parse error: {error.msg} at character {error.pos}")
    except RecursionError:
        return Invalid(PARSE_ERROR, "Parse error: nested too deeply")
    except ValueError:  # NaN and its like, or an integer of thousands of digits
        return Invalid(PARSE_ERROR, "Parse error: a number is out of range")
    if _deeper_than(value, MAX_DEPTH):
        return Invalid(PARSE_ERROR, "Parse error: nested too deeply")
    return _classify(value)


def _deeper_than(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True


def _classify(value: Any) -> Message:
    if isinstance(value, list):
        return Invalid(INVALID_REQUEST, "Invalid request: batches are not part of ACP")
    if not is_object(value):
        return Invalid(INVALID_REQUEST, "Invalid request: not an object")
    ident = value.get("id")
    if not is_id(ident):
        return Invalid(INVALID_REQUEST, "Invalid request: id must be an integer or a string")
    if value.get("jsonrpc") != "2.0":
        return Invalid(INVALID_REQUEST, 'Invalid request: jsonrpc must be "2.0"', ident)
    if "method" in value:
        method = value["method"]
        if not isinstance(method, str):
            return Invalid(INVALID_REQUEST, "Invalid request: method must be a string", ident)
        if "id" in value:
            return Request(ident, method, value.get("params"))
        return Notification(method, value.get("params"))
    if "id" in value and (("result" in value) != ("error" in value)):
        return Response(ident, value.get("result"), value.get("error"))
    return Invalid(INVALID_REQUEST, "Invalid request: neither a request nor a response", ident)


class MessageReader:
    """Bytes in any chunking, messages out. A line over `limit` bytes is forgotten as it comes, then refused."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._parts: list[bytes] = []  # of the line that has not ended yet
        self._size = 0

    def feed(self, data: bytes) -> list[Message]:
        """Take the next bytes; the messages whose line ended within them."""
        *ended, rest = data.split(b"\n")
        messages: list[Message] = []
        for piece in ended:
            self._keep(piece)
            self._end_line(messages)
        self._keep(rest)
        return messages

    def finish(self) -> list[Message]:
        """The input is over: what a last line without its newline says."""
        messages: list[Message] = []
        self._end_line(messages)
        return messages

    @property
    def held(self) -> int:
        """Bytes kept of a line that has not ended."""
        return sum(map(len, self._parts))

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            self._parts.clear()
        elif piece:
            self._parts.append(piece)

    def _end_line(self, messages: list[Message]) -> None:
        line, too_long = b"".join(self._parts).strip(_PADDING), self._size > self._limit
        self._parts.clear()
        self._size = 0
        if too_long:
            messages.append(Invalid(INVALID_REQUEST, f"Invalid request: longer than {self._limit} bytes"))
        elif line:
            messages.append(decode(line))


def _encode(message: Mapping[str, object]) -> bytes:
    return _ENCODER.encode(message).encode("ascii") + b"\n"


def encode_result(ident: RequestId, result: Mapping[str, object]) -> bytes:
    """The line that answers a request."""
    return _encode({"jsonrpc": "2.0", "id": ident, "result": result})


def encode_error(ident: RequestId, code: int, message: str, data: JsonObject | None = None) -> bytes:
    """The line that refuses a request, or (id None) a line that could not be read."""
    error: JsonObject = {"code": code, "message": message}
    if data:
        error["data"] = data
    return _encode({"jsonrpc": "2.0", "id": ident, "error": error})


def encode_notification(method: str, params: Mapping[str, object]) -> bytes:
    """The line of a notification."""
    return _encode({"jsonrpc": "2.0", "method": method, "params": params})


def encode_request(ident: RequestId, method: str, params: Mapping[str, object]) -> bytes:
    """The line of a request of ours."""
    return _encode({"jsonrpc": "2.0", "id": ident, "method": method, "params": params})
