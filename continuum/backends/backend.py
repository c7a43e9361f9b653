"""One live upstream: its configuration, its connection, and what is going on with it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import trio

from continuum.backends.latency import Latency
from continuum.backends.transport import Origin
from continuum.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from continuum.backends.client import UpstreamClient, UpstreamResponse
    from continuum.backends.managed import ManagedServer
    from continuum.backends.outcome import Outcome
    from continuum.config import BackendConfig
    from continuum.providers import Headers, Provider

__all__ = ["Backend"]

_OURS: Headers = [
    (b"content-type", b"application/json"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", b"continuum"),
]


class Backend:
    """A configured backend at work. in_flight counts attempts that hold it now; models maps each served name to
    the name its server knows, and is replaced whole when discovery finds others.
    """

    def __init__(self, config: BackendConfig, client: UpstreamClient, managed: ManagedServer | None = None) -> None:
        self.config = config
        self.client = client
        self.managed = managed
        self.provider: Provider = PROVIDERS[config.type]
        self._base = config.base
        self.name = config.name
        self.weight = config.weight
        self.in_flight = 0
        self._latency = Latency()
        self.failures = 0
        self.models: Mapping[str, str] = {entry.id: entry.upstream or entry.id for entry in config.entries}
        keys = [secret.reveal() for secret in config.keys]
        self._keys: Iterator[str] | None = itertools.cycle(keys) if keys else None
        own = {name.lower().encode(): value.reveal().encode("latin-1") for name, value in config.headers.items()}
        self._common: Headers = list(({**dict(_OURS), **dict(self.provider.extra_headers(config)), **own}).items())
        self._placed = ""
        self._origin: Origin
        self._prefix = ""

    @property
    def latency(self) -> float | None:
        """Seconds to the first content, as lately seen; None while unknown."""
        return self._latency.at(trio.current_time())

    @property
    def full(self) -> bool:
        """Whether it holds as many requests as it may."""
        limit = self.config.max_in_flight
        return limit is not None and self.in_flight >= limit

    async def acquire(self) -> str:
        """Where its server is, without /v1; a managed one is started first. Pairs with `release`, unless it raises
        ConnectFailed.
        """
        return await self.managed.acquire() if self.managed is not None else self._base

    async def send(self, base: str, method: str, path: str, content: bytes = b"") -> UpstreamResponse:
        """Send a request with what this backend's requests carry: its own credential, nothing of the client's."""
        if base != self._placed:
            self._placed, (self._origin, self._prefix) = base, Origin.of(base)
        headers = self._common
        if self._keys is not None:
            headers = [*headers, *self.provider.auth_headers(next(self._keys))]
        return await self.client.send(self._origin, method, self._prefix + path, headers, content)

    def release(self) -> None:
        """The caller of `acquire` is done with the server."""
        if self.managed is not None:
            self.managed.release()

    def record(self, outcome: Outcome) -> None:
        """Take notice of how an attempt ended."""
        self._latency.record(outcome, trio.current_time())
        if outcome.error is None:
            self.failures = 0
        elif outcome.counts:
            self.failures += 1
