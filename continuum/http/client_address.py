"""From which address a request comes: the peer's, or what proxies that we trust say of it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address

    from hypercorn.typing import HTTPScope

__all__ = ["ClientAddresses"]

_LOCAL: Final = "127.0.0.1"
"""What a peer without an address is: one on a unix socket of this machine."""

_FORWARDED: Final = b"x-forwarded-for"


class ClientAddresses:
    """Reads addresses. trusted_proxies: networks; only those in them are believed what they say of others."""

    def __init__(self, trusted_proxies: Iterable[str]) -> None:
        self._networks = [ip_network(text, strict=False) for text in trusted_proxies]
        self._peer = lru_cache(maxsize=10_000)(self._judge)

    def of(self, scope: HTTPScope) -> str:
        """The client's address, in its shortest form."""
        client = scope["client"]
        address, trusted = self._peer(client[0] if client else _LOCAL)
        return self._forwarded(scope, address) if trusted else address

    def _forwarded(self, scope: HTTPScope, address: str) -> str:
        """X-Forwarded-For from right to left: each proxy wrote down who asked it, and the first that we do not trust
        is the client. What stands further left is that client's own word and is not read.
        """
        values = [value for name, value in scope["headers"] if name.lower() == _FORWARDED]
        for entry in reversed(b",".join(values).split(b",")):
            found = _parse(entry.decode("latin-1"))
            if found is None:
                break
            address, trusted = self._peer(str(found))
            if not trusted:
                break
        return address

    def _judge(self, text: str) -> tuple[str, bool]:
        found = _parse(text) or ip_address(_LOCAL)
        return str(found), any(found in network for network in self._networks)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: bare, in brackets, with a port; an IPv4 address in IPv6's clothes is itself."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
