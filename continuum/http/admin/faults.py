"""Errors in the admin API's form: `{error_code, message, details}`, from a closed table of codes."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, TypedDict

from continuum.errors import (
    ConfigError,
    ContinuumError,
    HostNotAllowed,
    ParseError,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from continuum.errors import ConfigProblem
    from continuum.http.exchange import Headers

__all__ = ["FAILED", "Fault", "Warned", "faults_of", "refusal", "warnings_of", "warnings_refuse"]

FAILED = "Configuration validation failed"

_CODES: dict[type[ContinuumError], str] = {
    Unauthenticated: "UNAUTHORIZED",
    PermissionDenied: "FORBIDDEN",
    HostNotAllowed: "FORBIDDEN",
    RateLimited: "RATE_LIMITED",
}
"""Where the admin API's word is another; else it is the error's own code in capitals."""

_SENTENCE = ("must ", "is ", "means ", "can only ", "requires ")
"""How rules begin that go on from the key's name."""


class Fault(TypedDict):
    """One broken rule."""

    field: str
    message: str
    code: str


class Warned(TypedDict):
    """What is legal and probably not meant, or takes effect later."""

    field: str
    message: str


def faults_of(error: ConfigError, below: str = "") -> list[Fault]:
    """The faults of a configuration. below: the place that keys are told from. Of text that does not parse only the
    place is told.
    """
    if isinstance(error, ParseError):
        return [{"field": "content", "message": _told(problem), "code": error.code} for problem in error.problems]
    return [
        {"field": _inside(problem.key, below), "message": _sentence(problem), "code": error.code}
        for problem in error.problems
    ]


def warnings_of(problems: Iterable[ConfigProblem], below: str = "") -> list[Warned]:
    """The same of warnings."""
    return [{"field": _inside(problem.key, below), "message": _sentence(problem)} for problem in problems]


def warnings_refuse(problems: Iterable[ConfigProblem]) -> ConfigError:
    """What is raised where warnings are a reason to refuse."""
    return ConfigError((), details={"errors": [], "warnings": warnings_of(problems)})


def _inside(key: str, below: str) -> str:
    for prefix in (below, below.partition(".")[0]):
        if prefix and key.startswith(f"{prefix}."):
            return key[len(prefix) + 1 :]
        if prefix and key == prefix:
            return "config"
    return key


def _sentence(problem: ConfigProblem) -> str:
    if not problem.rule.startswith(_SENTENCE) or not problem.key:
        return problem.rule
    return f"{_last_name(problem.key)} {problem.rule}"


def _last_name(key: str) -> str:
    """`workers` of `server.workers`, `api_keys.0` of `backends.1.api_keys.0`."""
    *_, last = names = key.split(".")
    place = len(names) - 1
    while place and names[place].isdigit():
        place -= 1
    return ".".join(names[place:]) if last.isdigit() and place else last


def refusal(error: ContinuumError, below: str, challenge: bytes) -> tuple[int, Headers, bytes]:
    """Status, headers and body. below: as for `faults_of`. challenge: what WWW-Authenticate asks for."""
    code = _CODES.get(type(error), error.code.upper())
    message, details = error.message, {key: value for key, value in error.details.items() if key != "allow"}
    if isinstance(error, ParseError):
        message, details = _parse_message(error), _place(error)
    elif isinstance(error, ConfigError) and type(error) is ConfigError:
        message, details = FAILED, details or {"errors": faults_of(error, below)}
    body = {"error_code": code, "message": message, "details": details}
    headers: Headers = [(b"content-type", b"application/json")]
    if isinstance(allow := error.details.get("allow"), str):
        headers.append((b"allow", allow.encode()))
    if error.http_status == 401:
        headers.append((b"www-authenticate", challenge))
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after))).encode()))
    return error.http_status, headers, json.dumps(body, ensure_ascii=False).encode()


def _parse_message(error: ParseError) -> str:
    return "; ".join(map(_rule, error.problems))


def _rule(problem: ConfigProblem) -> str:
    """What is wrong in a text, without the key, which would be a piece of it."""
    return f"a key {problem.rule}" if problem.key and problem.rule.startswith(_SENTENCE) else problem.rule


def _told(problem: ConfigProblem) -> str:
    places = [f"{name} {at}" for name, at in (("line", problem.line), ("column", problem.column)) if at is not None]
    return f"{_rule(problem)} ({', '.join(places)})" if places else _rule(problem)


def _place(error: ParseError) -> dict[str, object]:
    first = error.problems[0]
    return {key: value for key, value in (("line", first.line), ("column", first.column)) if value is not None}
