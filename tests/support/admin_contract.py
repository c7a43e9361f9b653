"""The admin API's contract as a client reads it: what every answer has, and the words that are fixed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from plain_client import Answer, PlainClient

SECTIONS = {
    "server": "requires_restart",
    "backends": "gradual",
    "logging": "immediate",
    "rate_limiting": "immediate",
    "circuit_breaker": "immediate",
    "retry": "immediate",
    "timeouts": "gradual",
    "health_checks": "gradual",
    "global_prompts": "immediate",
    "fallback": "gradual",
    "files": "gradual",
    "api_keys": "immediate",
    "metrics": "gradual",
    "admin": "gradual",
    "routing": "gradual",
}
"""Name and hot_reload_capability, in the order that holds everywhere."""

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
HEALTH = {"unknown", "healthy", "warming_up", "unhealthy"}


ALPHA_KEY = "sk-alpha-key-of-the-contract-1234"
CLIENT = "sk-client-key-of-the-contract-wxyz"
NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Site:
    """A running application. root: a client of its own paths; ask: of those below /admin, with the token."""

    root: PlainClient
    home: Path
    token: str

    @property
    def ask(self) -> PlainClient:
        return replace(self.root, url=f"{self.root.url}/admin", headers={"Authorization": f"Bearer {self.token}"})

    @property
    def stranger(self) -> PlainClient:
        """Who shows nothing."""
        return replace(self.ask, headers={})


def ok(answer: Answer, *keys: str) -> Any:
    """The body of a success, which has these keys and no others."""
    assert answer.status == 200, answer
    assert answer.headers["x-request-id"]
    body = answer.json
    assert body.keys() == (set(keys) or body.keys()), answer
    return body


def refused(answer: Answer, status: int, code: str, message: str | None = None) -> Any:
    """The details of an error."""
    assert answer.status == status, answer
    assert answer.headers["x-request-id"]
    body = answer.json
    assert set(body) == {"error_code", "message", "details"}, answer
    assert body["error_code"] == code, answer
    assert isinstance(body["message"], str) and body["message"], answer  # noqa: PT018 - one rule
    assert message is None or body["message"] == message, answer
    assert isinstance(body["details"], dict), answer
    return body["details"]


def faults(answer: Answer) -> dict[str, str]:
    """The faults of a VALIDATION_ERROR: message by field."""
    details = refused(answer, 400, "VALIDATION_ERROR", "Configuration validation failed")
    return judged(details["errors"])


def judged(errors: list[dict[str, str]]) -> dict[str, str]:
    """Message by field of a list of faults."""
    for each in errors:
        assert set(each) == {"field", "message", "code"}, errors
        assert each["code"] == "VALIDATION_ERROR", errors
    return {each["field"]: each["message"] for each in errors}


def warned(warnings: list[dict[str, str]]) -> dict[str, str]:
    """Message by field of a list of warnings."""
    assert all(set(each) == {"field", "message"} for each in warnings), warnings
    return {each["field"]: each["message"] for each in warnings}


def unknown_section(answer: Answer, status: int, name: str) -> None:
    """A section that there is not, asked for (404) or to be written (400)."""
    if status == 404:
        details = refused(answer, 404, "SECTION_NOT_FOUND", f"Configuration section '{name}' not found")
    else:
        details = refused(answer, 400, "INVALID_SECTION")
    assert details == {"available_sections": list(SECTIONS)}


def version(ask: PlainClient) -> int:
    """The current version, as history has it."""
    number = ok(ask("GET", "/config/history?limit=1"))["current_version"]
    assert isinstance(number, int)
    return number


def section(ask: PlainClient, name: str) -> Any:
    """A section in force."""
    return ok(ask("GET", f"/config/{name}"))["config"]


def every_value(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each value in nested data with where it stands."""
    yield path, data
    kind = type(data).__name__
    items: Any = data.items() if kind == "dict" else enumerate(data) if kind == "list" else ()
    for key, value in items:
        yield from every_value(value, f"{path}/{key}")


def events(stream: bytes) -> list[tuple[str, Any]]:
    """Name and data of each event of an SSE stream."""
    found = list[tuple[str, Any]]()
    for block in stream.decode().replace("\r\n", "\n").split("\n\n"):
        fields = dict[str, str]()
        for line in block.splitlines():
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        if "data" in fields:
            found.append((fields.get("event", "message"), json.loads(fields["data"])))
    return found
