"""All live backends of one configuration, and the tasks that serve them."""

from __future__ import annotations

import os
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from continuum.backends.backend import Backend
from continuum.backends.catalog import Catalog
from continuum.backends.client import UpstreamClient
from continuum.backends.managed import ManagedServer
from continuum.backends.transport import Http1Transport, stock_transport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from continuum.backends.transport import Transport
    from continuum.config import BackendConfig, Config

__all__ = ["Pool", "open_pool"]


class Pool:
    """The backends, in the configuration's order, and their catalog of models."""

    def __init__(self, backends: list[Backend]) -> None:
        self.backends = backends
        self.catalog = Catalog(backends)


@asynccontextmanager
async def open_pool(config: Config) -> AsyncGenerator[Pool]:
    """The pool at work; leaving closes every connection and ends every managed server."""
    context = ssl.create_default_context()
    pool = Pool([_backend(entry, config, context) for entry in config.backends])
    failure: Exception | None = None
    try:
        async with trio.open_nursery() as nursery:
            for backend in pool.backends:
                nursery.start_soon(backend.client.run)
                if backend.managed is not None:
                    nursery.start_soon(backend.managed.run)
            nursery.start_soon(pool.catalog.run)
            try:
                yield pool
            except Exception as fault:  # noqa: BLE001 - raised below as it is: the nursery would wrap it in a group
                failure = fault
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
    finally:
        for backend in pool.backends:
            await backend.client.aclose()


def _backend(entry: BackendConfig, config: Config, context: ssl.SSLContext) -> Backend:
    return Backend(entry, UpstreamClient(_transport(entry, config, context)), _managed(entry))


def _transport(entry: BackendConfig, config: Config, context: ssl.SSLContext) -> Transport:
    keepalive, times = config.server.connection_pool_size, config.timeouts
    if entry.proxy is None and not entry.http2:
        return Http1Transport(context, keepalive=keepalive, idle=times.idle, connect_timeout=times.connection)
    proxy = entry.proxy.reveal() if entry.proxy is not None else None
    return stock_transport(
        context,
        keepalive=keepalive,
        idle=times.idle,
        connect_timeout=times.connection,
        proxy=proxy,
        http2=entry.http2,
    )


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
