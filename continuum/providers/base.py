"""What a provider is: the facts and quirks of one kind of server, as a row of data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import msgspec

from continuum.chat import Operation
from continuum.dialects import DIALECTS, Dialect
from continuum.errors import UpstreamProtocolError

if TYPE_CHECKING:
    from continuum.dialects.openai_chat import ErrorView

__all__ = [
    "Endpoint",
    "Headers",
    "Loopback",
    "ModelInfo",
    "Provider",
    "Variables",
    "bearer",
    "no_request_fault",
    "read_openai_models",
]

Headers = list[tuple[bytes, bytes]]


class Endpoint(Protocol):
    """What a provider may know of a backend."""

    @property
    def org_id(self) -> str | None:
        """The organization the key belongs to."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model a server lists. created: seconds since the epoch, 0 when unknown; context_window in tokens."""

    id: str
    owned_by: str = ""
    created: int = 0
    context_window: int | None = None


def bearer(key: str) -> Headers:
    """`Authorization: Bearer`, as nearly everybody takes it."""
    return [(b"authorization", b"Bearer " + key.encode("latin-1"))]


def no_extra_headers(endpoint: Endpoint) -> Headers:  # noqa: ARG001 - the table's signature
    """Most servers want none."""
    return []


def no_request_fault(status: int, error: ErrorView) -> bool:  # noqa: ARG001 - the table's signature
    """Most servers' 5xx are their own."""
    return False


_FAR_FUTURE = 2**40
"""Seconds since the epoch past which a server talks nonsense."""


class _Meta(msgspec.Struct):
    n_ctx: int | None = None


class _Entry(msgspec.Struct):
    id: str
    owned_by: str | None = None
    created: float | None = None
    max_model_len: int | None = None
    meta: _Meta | None = None


class _Listing(msgspec.Struct):
    data: list[_Entry]


_decode_listing = msgspec.json.Decoder(_Listing).decode


def read_openai_models(body: bytes) -> list[ModelInfo]:
    """`GET /v1/models` as OpenAI, vLLM (max_model_len) and llama.cpp (meta.n_ctx) answer it."""
    try:
        entries = _decode_listing(body).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamProtocolError("the backend's list of models cannot be read") from None
    return [
        ModelInfo(e.id, e.owned_by or "", _seconds(e.created), _context_window(e))
        for e in entries
        if e.id and e.id.isprintable()
    ]


def _seconds(created: float | None) -> int:
    return int(created) if created and 0 < created < _FAR_FUTURE else 0


def _context_window(entry: _Entry) -> int | None:
    return entry.max_model_len or (entry.meta.n_ctx if entry.meta else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """How the environment names a provider's key. key: the variable that holds it. urls: those that may say where it
    belongs, the first that is set counts. more: further keys of a backend, each with its variable.
    """

    key: str
    urls: tuple[str, ...] = ()
    more: Mapping[str, str] = field(default_factory=lambda: MappingProxyType[str, str]({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loopback:
    """Where a kind of server is found on its own machine, and what tells it from others. title: as people call it.
    owner: the owned_by of its models. server: its Server header. Empty where it has nothing of the kind.
    """

    title: str
    port: int
    owner: str = ""
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One kind of server.

    default_url: where it lives when the configuration does not say. always_stream: asked for a stream even when
    the client wants the answer whole. answers_alias: its answers name a model of its own making, so the name that
    was asked for is written back. request_fault: whether a 5xx of its is really the request's fault. variables,
    loopback: how a machine without a configuration shows that it has one; the first variable that is set counts.
    """

    name: str
    default_url: str | None = None
    dialect: Dialect = DIALECTS["openai_chat"]
    paths: Mapping[Operation, str] = field(
        default_factory=lambda: MappingProxyType({Operation.CHAT: "/v1/chat/completions"})
    )
    models_path: str = "/v1/models"
    health_path: str = "/v1/models"
    read_models: Callable[[bytes], list[ModelInfo]] = read_openai_models
    auth_headers: Callable[[str], Headers] = bearer
    extra_headers: Callable[[Endpoint], Headers] = no_extra_headers
    request_fault: Callable[[int, ErrorView], bool] = no_request_fault
    always_stream: bool = False
    answers_alias: bool = False
    variables: tuple[Variables, ...] = ()
    loopback: tuple[Loopback, ...] = ()
