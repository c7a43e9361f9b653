"""What a provider is: the facts and quirks of one kind of server, as a row of data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from continuum.chat import Operation
from continuum.dialects import DIALECTS, Dialect
from continuum.dialects.openai_chat import TOO_LONG
from continuum.providers.listing import Fingerprint, ModelInfo, no_fingerprint, read_openai_models

if TYPE_CHECKING:
    from continuum.dialects.openai_chat import ErrorView

__all__ = ["Endpoint", "Headers", "Loopback", "Provider", "Variables", "bearer", "paths_under"]

Headers = list[tuple[bytes, bytes]]

_OPENAI_PATHS = {
    Operation.CHAT: "/chat/completions",
    Operation.COMPLETION: "/completions",
    Operation.EMBEDDING: "/embeddings",
}
_OPENAI_DIALECTS = {
    Operation.CHAT: DIALECTS["openai_chat"],
    Operation.COMPLETION: DIALECTS["openai_completions"],
    Operation.EMBEDDING: DIALECTS["openai_embeddings"],
}


class Endpoint(Protocol):
    """What a provider may know of a backend."""

    @property
    def org_id(self) -> str | None:
        """The organization the key belongs to."""

    @property
    def api_version(self) -> str | None:
        """The version of the API that is asked for."""

    @property
    def deployments(self) -> Mapping[str, str]:
        """Model to deployment."""
        ...


def bearer(key: str) -> Headers:
    """`Authorization: Bearer`, as nearly everybody takes it."""
    return [(b"authorization", b"Bearer " + key.encode("latin-1"))]


def paths_under(root: str, operations: Collection[Operation] = tuple(_OPENAI_PATHS)) -> Mapping[Operation, str]:
    """OpenAI's paths below `root`, of these operations only."""
    return MappingProxyType({operation: root + _OPENAI_PATHS[operation] for operation in operations})


def no_extra_headers(endpoint: Endpoint) -> Headers:  # noqa: ARG001 - the table's signature
    """Most servers want none."""
    return []


def same_target(path: str, model: str, endpoint: Endpoint) -> str:  # noqa: ARG001 - the table's signature
    """Most servers find the model in the body."""
    return path


def no_fault(status: int, error: ErrorView) -> bool:  # noqa: ARG001 - the table's signature
    """Most servers' statuses mean what they say."""
    return False


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

    default_url: where it lives when the configuration does not say. dialects: what each operation is spoken in.
    paths, models_path, health_path: requests for the calls it takes, the list of models and a sign of life, below the
    backend's URL; target: the path of one call, where it depends on the model (path, upstream model, endpoint).
    auth_headers, look_headers: the credential in a call, and in a GET where that differs. fingerprint: what tells it
    when it is not named; detected: it is what it is found to be. always_stream: asked for a stream even when the
    client wants the answer whole. answers_alias: its answers name a model of its own making, so the name that was
    asked for is written back. request_fault, credential_fault: whether an error (status, body) is really the
    request's fault, or the credential's. overflow: words in a rejection by which a prompt that does not fit the model's
    context is known. variables, loopback: how a machine without a configuration shows that it has
    one; the first variable that is set counts.
    """

    name: str
    default_url: str | None = None
    dialects: Mapping[Operation, Dialect] = field(default_factory=lambda: MappingProxyType(_OPENAI_DIALECTS))
    paths: Mapping[Operation, str] = field(default_factory=lambda: paths_under("/v1"))
    models_path: str = "/v1/models"
    health_path: str = "/v1/models"
    target: Callable[[str, str, Endpoint], str] = same_target
    read_models: Callable[[bytes], list[ModelInfo]] = read_openai_models
    fingerprint: Fingerprint = no_fingerprint
    detected: bool = False
    auth_headers: Callable[[str], Headers] = bearer
    look_headers: Callable[[str], Headers] | None = None
    extra_headers: Callable[[Endpoint], Headers] = no_extra_headers
    request_fault: Callable[[int, ErrorView], bool] = no_fault
    credential_fault: Callable[[int, ErrorView], bool] = no_fault
    overflow: tuple[str, ...] = (TOO_LONG, "maximum context length")
    always_stream: bool = False
    answers_alias: bool = False
    variables: tuple[Variables, ...] = ()
    loopback: tuple[Loopback, ...] = ()
