"""All live backends of one configuration, and the tasks that serve them."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import trio

from continuum.backends.backend import Availability, Backend
from continuum.backends.catalog import Catalog
from continuum.backends.client import UpstreamClient
from continuum.backends.health import HealthMonitor
from continuum.backends.managed import ManagedServer
from continuum.backends.transport import Contexts, Http1Transport, Origin, stock_transport
from continuum.config.url import PORT_FIELD
from continuum.errors import ConfigError, ConfigProblem
from continuum.resilience.breaker import Breakers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from continuum.backends.transport import Transport
    from continuum.config import BackendConfig, CircuitBreaker, Config, Retry
    from continuum.resilience.breaker import Breaker

__all__ = ["Pool", "open_pool"]


class Pool:
    """The backends, in the configuration's order, their catalog of models, who watches their health, their breakers."""

    def __init__(self, backends: list[Backend], config: Config, availability: Availability, breakers: Breakers) -> None:
        self.backends = backends
        self.availability = availability
        self.breakers = breakers
        self.catalog = Catalog(backends, ttl=config.cache.model_list_ttl, availability=availability)
        self.monitor = HealthMonitor(backends, config.health_checks)
        self.retune_retries(config.retry)

    def retune_breakers(self, section: CircuitBreaker) -> None:
        """Go by another section from now on."""
        if self.breakers.retune(section):
            self.availability.changed()

    def retune_retries(self, section: Retry) -> None:
        """Go by another section from now on."""
        for backend in self.backends:
            backend.retune(section)


@asynccontextmanager
async def open_pool(config: Config, *, breakers: Breakers | None = None, watched: bool = True) -> AsyncGenerator[Pool]:
    """The pool at work; leaving closes every connection and ends every managed server. breakers: those of the pool
    that this one follows. watched: its lists of models are kept fresh and its backends are probed; else nothing is
    asked but by the caller.

    Raises ConfigError for certificates and proxies that cannot be used.
    """
    contexts = Contexts()
    availability = Availability()
    breakers = breakers or Breakers(config.circuit_breaker)
    backends = [
        _backend(entry, _transports(number, entry, config, contexts), availability, breakers.of(entry.name))
        for number, entry in enumerate(config.backends)
    ]
    pool = Pool(backends, config, availability, breakers)
    failure: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            for backend in pool.backends:
                nursery.start_soon(backend.client.run)
                if backend.managed is not None:
                    nursery.start_soon(backend.managed.run)
            if watched:
                nursery.start_soon(pool.catalog.run)
                nursery.start_soon(pool.monitor.run)
            try:
                yield pool
            except (Exception, KeyboardInterrupt) as fault:  # noqa: BLE001 - raised below as it is: the nursery would wrap it in a group
                failure = fault
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
    finally:
        for backend in pool.backends:
            await backend.client.aclose()
            await backend.side_client.aclose()


def _backend(
    entry: BackendConfig, transports: tuple[Transport, Transport], availability: Availability, breaker: Breaker
) -> Backend:
    calls, looks = transports
    return Backend(
        entry,
        UpstreamClient(calls),
        side_client=UpstreamClient(looks),
        availability=availability,
        breaker=breaker,
        managed=_managed(entry),
    )


def _transports(number: int, entry: BackendConfig, config: Config, contexts: Contexts) -> tuple[Transport, Transport]:
    """For calls, and for looks: each of those on a connection of its own."""
    calls = _transport(number, entry, config, contexts, keepalive=config.server.connection_pool_size)
    return calls, _transport(number, entry, config, contexts, keepalive=0)


def _transport(number: int, entry: BackendConfig, config: Config, contexts: Contexts, *, keepalive: int) -> Transport:
    times = config.timeouts
    if entry.proxy is None and not entry.http2:
        context = contexts.of(number, entry.tls)
        return Http1Transport(context, keepalive=keepalive, idle=times.idle, connect_timeout=times.connection)
    if _wants_socks(entry) and find_spec("socksio") is None:
        rule = "a SOCKS proxy needs the package socksio: pip install socksio"
        raise ConfigError([ConfigProblem(rule, f"backends.{number}.proxy")])
    return stock_transport(
        contexts.fresh(number, entry.tls),
        keepalive=keepalive,
        idle=times.idle,
        connect_timeout=times.connection,
        proxy=entry.proxy.reveal() if entry.proxy is not None else None,
        http2=entry.http2,
        socket=Origin.of(entry.base.replace(PORT_FIELD, "1"))[0].socket,
    )


def _wants_socks(entry: BackendConfig) -> bool:
    return entry.proxy is not None and entry.proxy.reveal().lower().startswith("socks")


def _managed(entry: BackendConfig) -> ManagedServer | None:
    section = entry.managed
    if section is None:
        return None
    return ManagedServer(
        entry.name,
        section.command,
        entry.base,
        section.ready_path,
        section.start_timeout,
        section.idle_stop,
        os.environ,
    )
