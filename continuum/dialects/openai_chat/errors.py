"""Errors in OpenAI's shape, both ways. What a backend wrote is redacted before it goes on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from continuum.errors import UpstreamFailed

if TYPE_CHECKING:
    from continuum.errors import ContinuumError

__all__ = ["ErrorView", "read_error", "read_stream_error", "redact", "write_error"]

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
}

_SECRETS = re.compile(
    r"\b(?:Bearer|Basic)\s+\S+"
    r"|\b(?:sk|pk|rk|ak|key|gsk|xai|hf|ghp|tok|pat)[-_][A-Za-z0-9_\-.*]{4,}|\bAIza[\w-]{10,}"  # vendors' key forms
    r"|\b[A-Za-z0-9_\-]*\*{4,}[A-Za-z0-9_\-]*"  # a key the backend masked in part
    r"|\b[a-z+]+://\S+|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"
    r"|(?<![\w.])/(?:[\w.-]+/)+[\w.-]*",  # file paths
    re.IGNORECASE,
)
_LIMIT = 2000


class ErrorView(msgspec.Struct, frozen=True):
    """What a backend's error body said, redacted."""

    message: str
    type: str = ""
    code: str = ""
    param: str | None = None


def redact(text: str) -> str:
    """Keys, URLs, addresses and paths cut out of a backend's words; control bytes too."""
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text[:_LIMIT])
    return _SECRETS.sub("[redacted]", text)


def _view(value: object) -> ErrorView:
    if isinstance(value, str):
        return ErrorView(redact(value))
    if not isinstance(value, dict):
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
    )


def read_error(body: bytes) -> ErrorView:
    """What an error body says: OpenAI's object, FastAPI's `detail`, a bare string; nothing for anything else."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ErrorView("")
    if isinstance(value, list) and value:  # Gemini's compatible endpoint wraps it in a list
        value = value[0]
    return _view(value.get("error", value) if isinstance(value, dict) else value)


def read_stream_error(error: object) -> ContinuumError:
    """The failure an `error` inside a stream reports."""
    view = _view(error)
    return UpstreamFailed(view.message or "the backend reported an error")


def write_error(error: ContinuumError) -> bytes:
    """The body `{"error": {message, type, param, code}}`."""
    kind = getattr(error, "kind", None) or _TYPES.get(error.http_status, "api_error")
    body = {"message": error.message, "type": kind, "param": error.param, "code": error.code}
    return msgspec.json.encode({"error": body})
