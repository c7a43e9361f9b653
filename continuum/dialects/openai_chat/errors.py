"""Errors in OpenAI's shape, both ways. What a backend wrote is redacted before it goes on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from continuum.dialects.raw import is_list, is_object
from continuum.errors import UpstreamFailed
from continuum.redact import redact

if TYPE_CHECKING:
    from continuum.errors import ContinuumError

__all__ = ["TOO_LONG", "ErrorView", "read_error", "read_stream_error", "write_error"]

TOO_LONG = "context_length_exceeded"
"""The code of a prompt that does not fit the model's context."""

_DELAY = re.compile(r"\d{1,9}(?:\.\d{1,9})?s")

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
}


def _type_of(status: int) -> str:
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


class ErrorView(msgspec.Struct, frozen=True):
    """What a backend's error body said, redacted. retry_after: seconds for which it wants to be left alone."""

    message: str
    type: str = ""
    code: str = ""
    param: str | None = None
    retry_after: float | None = None


def _view(value: object) -> ErrorView:
    if isinstance(value, str):
        return ErrorView(redact(value))
    if not is_object(value):
        return ErrorView("")
    message = value.get("message")
    if not isinstance(message, str) or not message:
        message = value.get("detail") if isinstance(value.get("detail"), str) else ""
    kind, code, param = value.get("type"), value.get("code"), value.get("param")
    return ErrorView(
        redact(str(message)),
        redact(kind) if isinstance(kind, str) else "",
        redact(code) if isinstance(code, str) else "",
        redact(param) if isinstance(param, str) else None,
        _retry_delay(value.get("details")),
    )


def _retry_delay(details: object) -> float | None:
    """Google's google.rpc.RetryInfo among an error's details: `{"@type": "…RetryInfo", "retryDelay": "34.07s"}`."""
    for detail in details if is_list(details) else ():
        delay = detail.get("retryDelay") if is_object(detail) else None
        if isinstance(delay, str) and _DELAY.fullmatch(delay):
            return float(delay[:-1])
    return None


def read_error(body: bytes) -> ErrorView:
    """What an error body says: OpenAI's object, FastAPI's `detail`, a bare string; nothing for anything else."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ErrorView("")
    if is_list(value) and value:  # Gemini's compatible endpoint wraps it in a list
        value = value[0]
    return _view(value.get("error", value) if is_object(value) else value)


def read_stream_error(error: object) -> ContinuumError:
    """The failure an `error` inside a stream reports."""
    view = _view(error)
    return UpstreamFailed(view.message or "the backend reported an error")


def write_error(error: ContinuumError) -> bytes:
    """The body `{"error": {message, type, param, code}}`."""
    kind = getattr(error, "kind", None) or _type_of(error.http_status)
    body = {"message": error.message, "type": kind, "param": error.param, "code": error.code}
    return msgspec.json.encode({"error": body})
