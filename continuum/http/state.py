"""What is told to everybody: the process's own state. Probes ask for it every few seconds, so it is answered at once,
in front of Quart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from continuum.errors import MethodNotAllowed
from continuum.version import VERSION

if TYPE_CHECKING:
    from continuum.http.exchange import Exchange
    from continuum.runtime import Instance

__all__ = ["OPEN", "tell"]

_DOCS: Final = "POST /v1/chat/completions, /v1/completions, /v1/embeddings; GET /v1/models, /health, /ready"

_METHODS: Final = "GET, HEAD, OPTIONS"  # HAProxy's checks come with the last

Told = tuple[int, Mapping[str, str]]
"""A status, and what the JSON object of the answer holds."""


def _root(_instance: Instance) -> Told:
    return 200, {"name": "continuum", "version": VERSION, "docs": _DOCS}


def _health(_instance: Instance) -> Told:
    return 200, {"status": "ok", "version": VERSION}


def _ready(instance: Instance) -> Told:
    if instance.draining:
        return 503, {"status": "draining"}
    return (200, {"status": "ready"}) if instance.usable else (503, {"status": "no_backend"})


OPEN: Mapping[str, Callable[[Instance], Told]] = MappingProxyType(
    {"/": _root, "/health": _health, "/healthz": _health, "/ready": _ready}
)
"""Answered to everybody. Any other path, known or not, is for callers with a scope."""


async def tell(exchange: Exchange, instance: Instance) -> None:
    """Answer a request for one of these paths. Raises MethodNotAllowed."""
    match exchange.scope["method"]:
        case "GET" | "HEAD":
            status, said = OPEN[exchange.scope["path"]](instance)
            body = msgspec.json.encode(said) + b"\n"  # as the pages have it: a terminal's prompt stands on its own line
            await exchange.answer(status, [(b"content-type", b"application/json")], body)
        case "OPTIONS":
            await exchange.answer(200, [(b"allow", _METHODS.encode())], b"")
        case _:
            raise MethodNotAllowed("this path does not take this method", details={"allow": _METHODS})
