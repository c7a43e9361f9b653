"""The port between the router and whatever carries its requests: who implements it raises our errors only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from continuum.config.url import parse_url

if TYPE_CHECKING:
    from continuum.providers import Headers

__all__ = ["Incoming", "Origin", "Transport"]

_PORTS = {"http": 80, "https": 443, "http+unix": 0}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where connections go: those to one origin are interchangeable. socket: path of a unix socket."""

    scheme: str
    host: str
    port: int
    socket: str | None = None

    @classmethod
    def of(cls, base: str) -> tuple[Origin, str]:
        """The origin of a backend's base URL, and the path that goes before every other."""
        url = parse_url(base)
        return cls(url.scheme, url.host, url.port or _PORTS[url.scheme], url.socket), url.path

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """As a URL without a path, for libraries that want one."""
        return f"{'https' if self.scheme == 'https' else 'http'}://{self.authority}"


class Incoming(Protocol):
    """An answer whose head is here; header names in lower case."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    async def receive(self) -> bytes:
        """The next bytes of the body as they came, b"" at its end. Raises UpstreamError."""
        ...

    async def aclose(self) -> None:
        """Let go; a connection whose answer has not ended is closed. Never waits for the server."""


class Transport(Protocol):
    """Carries requests. `run` does its housekeeping and lives until cancelled."""

    def retune(self, *, idle: float, connect_timeout: float) -> None:
        """Other times, in seconds, for what begins from now on, as far as that can be."""
        ...

    async def send(self, origin: Origin, method: str, path: str, headers: Headers, content: bytes) -> Incoming:
        """Send and wait for the answer's head; the caller bounds the time. Raises UpstreamError."""
        ...

    async def run(self) -> None: ...

    async def aclose(self) -> None:
        """Close every connection."""
