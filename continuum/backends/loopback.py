"""Who answers on this machine: one GET to each of some addresses, all at once. Judges nothing, remembers nothing."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import trio

from continuum.backends.client import UpstreamClient
from continuum.backends.transport import Http1Transport, Origin
from continuum.errors import ConnectFailed, UpstreamError, UpstreamTimeout
from continuum.providers import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from continuum.providers import ModelInfo

__all__ = ["PATIENCE", "Look", "look_around"]

PATIENCE = 0.3
"""Seconds that one server gets."""

_LARGEST_LIST = 4 * 1024 * 1024
_HEADERS = [(b"accept", b"application/json"), (b"user-agent", b"continuum")]


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. there: something took the connection. late: and did not answer in time. status: 0 without an
    answer. server: the Server header. models: None where the answer is no list of models.
    """

    there: bool = True
    late: bool = False
    status: int = 0
    server: str = ""
    models: tuple[ModelInfo, ...] | None = None


async def look_around(urls: Iterable[str], patience: float = PATIENCE) -> Mapping[str, Look]:
    """The lists of models at some plain http URLs, asked for without a key. patience: seconds for each."""
    seen: dict[str, Look] = {}
    transport = Http1Transport(
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), keepalive=0, idle=patience, connect_timeout=patience
    )

    async def look(url: str) -> None:
        seen[url] = Look(late=True)
        with trio.move_on_after(patience):
            await _look(UpstreamClient(transport), url, seen)

    try:
        async with trio.open_nursery() as nursery:
            for url in urls:
                nursery.start_soon(look, url)
    finally:
        await transport.aclose()
    return seen


async def _look(client: UpstreamClient, url: str, seen: dict[str, Look]) -> None:
    origin, prefix = Origin.of(url)
    try:
        async with await client.send(origin, "GET", prefix + DEFAULT.models_path, _HEADERS) as response:
            status, server = response.status, response.headers.get("server", "")
            seen[url] = Look(late=status == 200, status=status, server=server)
            if status == 200:
                models = DEFAULT.read_models(await response.read(_LARGEST_LIST))
                seen[url] = Look(status=status, server=server, models=tuple(models))
    except ConnectFailed:
        seen[url] = Look(there=False)
    except UpstreamTimeout:
        pass
    except UpstreamError:  # something is there, and it is no server of models
        seen[url] = replace(seen[url], late=False)
