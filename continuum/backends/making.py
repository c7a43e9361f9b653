"""From an entry of the configuration to a live backend: its connections and, where we start it, its server."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from continuum.backends.backend import Backend
from continuum.backends.client import UpstreamClient
from continuum.backends.managed import ManagedServer
from continuum.backends.transport import Contexts, Http1Transport, Origin, stock_transport
from continuum.config.url import PORT_FIELD
from continuum.errors import ConfigError, ConfigProblem

if TYPE_CHECKING:
    from continuum.backends.backend import Shared
    from continuum.backends.transport import Transport
    from continuum.config import BackendConfig, Config

__all__ = ["make_backend", "retunable"]


def make_backend(number: int, config: Config, contexts: Contexts, shared: Shared) -> Backend:
    """The backend of that number, connected to nothing yet. Raises ConfigError for certificates and
    proxies that cannot be used.
    """
    entry = config.backends[number]
    calls, looks = _transports(number, entry, config, contexts)
    return Backend(
        entry,
        UpstreamClient(calls),
        side_client=UpstreamClient(looks),
        shared=shared,
        managed=_managed(entry),
    )


def retunable(entry: BackendConfig) -> bool:
    """Whether its transport takes other timeouts while it works: ours does, the stock one does not."""
    return entry.proxy is None and not entry.http2


def _transports(number: int, entry: BackendConfig, config: Config, contexts: Contexts) -> tuple[Transport, Transport]:
    """For calls, and for looks: each of those on a connection of its own."""
    calls = _transport(number, entry, config, contexts, keepalive=config.server.connection_pool_size)
    return calls, _transport(number, entry, config, contexts, keepalive=0)


def _transport(number: int, entry: BackendConfig, config: Config, contexts: Contexts, *, keepalive: int) -> Transport:
    times = config.timeouts
    if retunable(entry):
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
