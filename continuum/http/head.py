"""What is judged of every request before anything else: the size of its head, and the host it names."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from itertools import chain
from typing import TYPE_CHECKING

from continuum.config.address import parse_bind
from continuum.errors import HeadTooLarge, HostNotAllowed, TargetTooLong
from continuum.http.mounting import on_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hypercorn.typing import HTTPScope

    from continuum.config import Server

__all__ = ["MAX_HEAD", "HeadCheck", "is_loopback_host"]

MAX_HEAD = 64 * 1024
"""Bytes of all names and values."""
MAX_FIELDS = 100
MAX_TARGET = 8 * 1024
"""Bytes of path and query."""

_ANY = "*"


class HeadCheck:
    """The judgement for one server section. Which hosts are answered: those that are named, else this machine's own
    names where nobody can come from elsewhere. Whether that is so, a host program's server shows itself.
    """

    def __init__(self, server: Server) -> None:
        named = _among(server.allowed_hosts) if server.allowed_hosts else None
        self._named = named and lru_cache(maxsize=256)(named)
        self._any = bool(server.allowed_hosts) and named is None
        self._local = all(address.loopback for address in parse_bind(server.bind_address))
        self._is_own = lru_cache(maxsize=256)(is_loopback_host)

    def check(self, scope: HTTPScope, host: bytes, *, measured: bool = False) -> None:
        """Raises TargetTooLong, HeadTooLarge or HostNotAllowed. measured: our own edge has held it to these sizes."""
        if not measured:
            _measure(scope)
        if not self._allows(scope, host):
            raise HostNotAllowed("this host name is not answered here (server.allowed_hosts)")

    def _allows(self, scope: HTTPScope, host: bytes) -> bool:
        if self._any:
            return True
        if self._named is not None:
            return self._named(host)
        near = on_loopback(scope)
        return not (self._local if near is None else near) or self._is_own(host)


def _measure(scope: HTTPScope) -> None:
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET:
        raise TargetTooLong(f"the request's target is over {MAX_TARGET} bytes")
    fields = list(scope["headers"])
    if len(fields) > MAX_FIELDS or sum(map(len, chain.from_iterable(fields))) > MAX_HEAD:
        raise HeadTooLarge(f"the request's head is over {MAX_FIELDS} fields or {MAX_HEAD} bytes")


def _among(patterns: Iterable[str]) -> Callable[[bytes], bool] | None:
    """Names as given, `*.example.com` for all below one, `*` for every name."""
    names = {pattern.lower().rstrip(".") for pattern in patterns}
    if _ANY in names:
        return None
    exact = {_bare(name.encode()) for name in names if not name.startswith("*.")}
    suffixes = tuple(name[1:] for name in names if name.startswith("*."))

    def allows(host: bytes) -> bool:
        name = _bare(host)
        return name in exact or (bool(suffixes) and name.endswith(suffixes))

    return allows


def is_loopback_host(host: bytes) -> bool:
    """Does a Host header name this machine to itself?"""
    name = _bare(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _bare(host: bytes) -> str:
    """A Host header without its port, brackets and closing dot, in lower case; empty for what is none."""
    text = host.decode("latin-1").strip().lower()
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        return address if bracket and (not port or port[0] == ":") else ""
    name, colon, port = text.partition(":")
    if colon and not port.isdigit():
        return text if text.count(":") > 1 else ""  # an IPv6 address may stand bare in the configuration
    return name.removesuffix(".")
