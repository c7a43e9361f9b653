"""From an entry of the configuration to a live backend: its connections and, where we start it, its server."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from continuum.backends import transport
from continuum.backends.backend import Backend
from continuum.backends.client import UpstreamClient
from continuum.backends.managed import ManagedServer
from continuum.backends.transport import Http1Transport, Origin
from continuum.config.url import PORT_FIELD
from continuum.errors import ConfigError, ConfigProblem

if TYPE_CHECKING:
    from continuum.backends.backend import Shared
    from continuum.backends.transport import Contexts, HttpClient, Transport
    from continuum.config import BackendConfig, Config

__all__ = ["make_backend", "retunable"]

_log = logging.getLogger("continuum.backends")

_THE_CLIENTS = ("tls", "proxy", "http2")
"""Keys of a backend that say nothing where the host program brings the client."""


def make_backend(
    number: int, config: Config, contexts: Contexts, shared: Shared, client: HttpClient | None = None
) -> Backend:
    """The backend of that number, connected to nothing yet. client: what carries its requests, unless its server is
    behind a unix socket. Raises ConfigError for certificates and proxies that cannot be used.
    """
    entry = config.backends[number]
    if client is not None and Origin.of(_base(entry))[0].socket is None:
        calls, looks = _brought(entry, config, client)
    else:
        calls, looks = _transports(number, entry, config, contexts)
    return Backend(
        entry,
        UpstreamClient(calls),
        side_client=UpstreamClient(looks),
        shared=shared,
        managed=_managed(entry),
    )


def retunable(entry: BackendConfig, client: HttpClient | None = None) -> bool:
    """Whether its transport takes other timeouts while it works: ours does, the stock one does not. How long a client
    that was brought along keeps its connections is not ours to say.
    """
    return client is not None or (entry.proxy is None and not entry.http2)


def _brought(entry: BackendConfig, config: Config, client: HttpClient) -> tuple[Transport, Transport]:
    """The same for both: its pool is its owner's business."""
    for key in _THE_CLIENTS:
        if getattr(entry, key):
            _log.warning("backend %s: %s has no effect, the HTTP client was given", entry.name, key)
    brought = transport.StockTransport(transport.BroughtTransport(client), connect_timeout=config.timeouts.connection)
    return brought, brought


def _base(entry: BackendConfig) -> str:
    return entry.base.replace(PORT_FIELD, "1")


def _transports(number: int, entry: BackendConfig, config: Config, contexts: Contexts) -> tuple[Transport, Transport]:
    """For calls, and for looks: each of those on a connection of its own."""
    calls = _transport(number, entry, config, contexts, keepalive=config.server.connection_pool_size)
    return calls, _transport(number, entry, config, contexts, keepalive=0)


def _transport(number: int, entry: BackendConfig, config: Config, contexts: Contexts, *, keepalive: int) -> Transport:
    times = config.timeouts
    if retunable(entry):
        plain = entry.tls is None and Origin.of(_base(entry))[0].scheme != "https"
        context = contexts.unused if plain else contexts.of(number, entry.tls)
        return Http1Transport(context, keepalive=keepalive, idle=times.idle, connect_timeout=times.connection)
    if _wants_socks(entry) and find_spec("socksio") is None:
        rule = "a SOCKS proxy needs the package socksio: pip install socksio"
        raise ConfigError([ConfigProblem(rule, f"backends.{number}.proxy")])
    return transport.stock_transport(
        contexts.fresh(number, entry.tls),
        keepalive=keepalive,
        idle=times.idle,
        connect_timeout=times.connection,
        proxy=entry.proxy.reveal() if entry.proxy is not None else None,
        http2=entry.http2,
        socket=Origin.of(_base(entry))[0].socket,
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
