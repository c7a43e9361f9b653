"""One live upstream: its configuration, its connection, and what is going on with it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import httpx

from continuum.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from continuum.backends.client import UpstreamClient
    from continuum.backends.managed import ManagedServer
    from continuum.backends.outcome import Outcome
    from continuum.chat import Operation
    from continuum.config import BackendConfig
    from continuum.providers import Headers, Provider

__all__ = ["Backend"]

_JSON: Headers = [(b"content-type", b"application/json"), (b"accept-encoding", b"identity")]
_USER_AGENT = (b"user-agent", b"continuum")


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
        self.in_flight = 0
        self.failures = 0
        self.models: Mapping[str, str] = {entry.id: entry.upstream or entry.id for entry in config.entries}
        keys = [secret.reveal() for secret in config.keys]
        self._keys: Iterator[str] | None = itertools.cycle(keys) if keys else None
        own = [(name.lower().encode(), value.reveal().encode("latin-1")) for name, value in config.headers.items()]
        self._common: Headers = [*_JSON, _USER_AGENT, *self.provider.extra_headers(config), *own]
        self._urls: dict[tuple[str, str], httpx.URL] = {}

    @property
    def name(self) -> str:
        """Its configured name."""
        return self.config.name

    @property
    def full(self) -> bool:
        """Whether it holds as many requests as it may."""
        limit = self.config.max_in_flight
        return limit is not None and self.in_flight >= limit

    async def base_url(self) -> str:
        """Where its server is, without /v1; a managed one is started first. Raises ConnectFailed."""
        return await self.managed.acquire() if self.managed is not None else self._base

    def release(self) -> None:
        """Pairs with base_url: the caller is done with the server."""
        if self.managed is not None:
            self.managed.release()

    def url(self, base: str, path: str) -> httpx.URL:
        """The URL of a path, parsed once."""
        url = self._urls.get((base, path))
        if url is None:
            self._urls = {key: value for key, value in self._urls.items() if key[0] == base}
            url = self._urls[base, path] = httpx.URL(base + path)
        return url

    def operation_url(self, base: str, operation: Operation) -> httpx.URL:
        """Where an operation is answered."""
        return self.url(base, self.provider.paths[operation])

    def headers(self, url: httpx.URL) -> Headers:
        """What every request to it carries, its own credential included; nothing of the client's."""
        headers = [(b"host", url.netloc), *self._common]
        if self._keys is not None:
            headers += self.provider.auth_headers(next(self._keys))
        return headers

    def record(self, outcome: Outcome) -> None:
        """Take notice of how an attempt ended."""
        if outcome.error is None:
            self.failures = 0
        elif outcome.counts:
            self.failures += 1
