"""Asking a starting server over HTTP whether it is ready, again and again; bounding the wait is the caller's affair."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import httpx
import trio

__all__ = ["free_port", "occupied", "until_ready"]

_PROBE_TIMEOUT: Final = 5.0
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
_HOST: Final = "127.0.0.1"


def free_port() -> int:
    """A port of the loopback address nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


async def occupied(url: str) -> bool:
    """Whether somebody listens where the server is to listen: then its answers would not be our server's."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        return False
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    with trio.move_on_after(_PROBE_TIMEOUT):
        try:
            stream = await trio.open_tcp_stream(parts.hostname, port)
        except OSError:
            return False
        await stream.aclose()
        return True
    return False


async def until_ready(url: str, path: str, note: Callable[[str], None]) -> None:
    """Return once GET `path` is answered 2xx; `note` hears how the last probe went when it was not."""
    pause = _FIRST_PAUSE
    # A certificate cannot be judged on loopback, and a proxy must not answer for the server.
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=_PROBE_TIMEOUT) as client:  # noqa: S501
        while True:
            try:
                # A connection per probe: a server that is still loading may well drop the ones it has.
                async with client.stream("GET", url + path, headers={"connection": "close"}) as response:
                    if response.is_success:
                        return
                    note(f"it answers {response.status_code}")
            except httpx.ConnectError:
                note("it does not listen")
            except httpx.TimeoutException:
                note("it does not answer")
            except httpx.HTTPError:
                note("it does not speak HTTP")
            await trio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
