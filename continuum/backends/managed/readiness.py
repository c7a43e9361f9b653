"""Asking a starting server over HTTP whether it is ready, again and again; bounding the wait is the caller's affair."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import trio

from continuum.backends.transport import Http1Transport, Origin
from continuum.errors import ConnectFailed, UpstreamProtocolError, UpstreamTimeout

__all__ = ["free_port", "occupied", "until_ready"]

_PROBE_TIMEOUT: Final = 5.0
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
_HEADERS: Final = [(b"connection", b"close")]
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
    origin, prefix = Origin.of(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # a certificate cannot be judged on loopback
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    # A connection per probe: a server that is still loading may well drop the ones it has.
    transport = Http1Transport(context, keepalive=0, idle=_PROBE_TIMEOUT, connect_timeout=_PROBE_TIMEOUT)
    while True:
        said = "it does not answer"
        with trio.move_on_after(_PROBE_TIMEOUT):
            try:
                answer = await transport.send(origin, "GET", prefix + path, _HEADERS, b"")
                await answer.aclose()
                if 200 <= answer.status < 300:
                    return
                said = f"it answers {answer.status}"
            except ConnectFailed:
                said = "it does not listen"
            except UpstreamProtocolError:
                said = "it does not speak HTTP"
            except UpstreamTimeout:
                pass
        note(said)
        await trio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
