"""Who may administer, judged of a request's head before anything else of it is looked at. Default: nobody."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

import trio

from continuum.config.sections.admin import NO_AUTH
from continuum.errors import PermissionDenied, RateLimited, Unauthenticated
from continuum.http.head import HeadCheck, is_loopback_host
from continuum.resilience.token_bucket import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hypercorn.typing import HTTPScope

    from continuum.config import Admin, Secret, Server
    from continuum.http.exchange import Exchange

__all__ = ["Administrator", "Door"]

_MOST_ADDRESSES: Final = 10_000
"""Addresses whose rate is kept; the one that was silent longest goes first."""

_IN_A_URL = frozenset({"token", "access_token", "api_key", "apikey", "api-key", "x-api-key", "key", "password"})
"""Names under which a credential would end up in somebody's log."""

_CHALLENGES = {
    "basic": b'Basic realm="continuum admin", charset="UTF-8"',
    "api_key": b'ApiKey realm="continuum admin", header="X-API-Key"',
}
_BEARER = b'Bearer realm="continuum admin"'

_FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip")

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who was let in. peer: the address asked from, empty for a unix socket. proven: a credential was shown."""

    user: str
    peer: str
    proven: bool


class Door:
    """The judgement by one configuration. generated: the token that was made at the first start, read when needed."""

    def __init__(self, server: Server, admin: Admin, generated: Callable[[], str | None]) -> None:
        self._auth = admin.auth
        self._head = HeadCheck(server)
        self._whitelist = [ip_network(each, strict=False) for each in admin.ip_whitelist]
        self._proxies = [ip_network(each, strict=False) for each in server.trusted_proxies]
        self._generated = generated
        limit = admin.rate_limit
        self._rate = None if limit is None else _Rate(limit.requests_per_minute, limit.burst)

    @property
    def challenge(self) -> bytes:
        """What a 401 asks for."""
        return _CHALLENGES.get(self._auth.method, _BEARER)

    def admit(self, exchange: Exchange) -> Administrator:
        """Let a caller in. Raises HeadTooLarge, TargetTooLong, HostNotAllowed, RateLimited, Unauthenticated,
        PermissionDenied.
        """
        scope, headers = exchange.scope, exchange.headers
        host = headers.get(b"host", b"")
        self._head.check(scope, host)
        if b"origin" in headers and not _own_origin(headers[b"origin"], host):
            raise PermissionDenied("requests from pages of another origin are refused")
        address = self._address(scope)
        if self._rate is not None:
            self._rate.take(str(address))
        proven = self._auth.method != NO_AUTH
        if proven and not self._shows(exchange):
            raise Unauthenticated("the admin API needs its credential in the request's header")
        if not proven and not self._near(scope, address, host):
            raise PermissionDenied("without a credential, the admin API answers this machine alone")
        if self._whitelist and not (address is not None and _within(address, self._whitelist)):
            raise PermissionDenied("this address may not administer (admin.ip_whitelist)")
        user = self._auth.username if self._auth.method == "basic" else None
        return Administrator(user or "admin", "" if address is None else str(address), proven)

    def prove(self, exchange: Exchange) -> None:
        """Ask for a credential even where none is needed to come in. Raises Unauthenticated."""
        if self._auth.method == NO_AUTH and not self._shows(exchange):
            raise Unauthenticated("this needs a credential even where the admin API is open: the admin token")

    def _shows(self, exchange: Exchange) -> bool:
        """Is there one credential, in its header, and the right one?"""
        names = [name.lower() for name, _ in exchange.scope["headers"]]
        if max(names.count(b"authorization"), names.count(b"x-api-key")) > 1 or _named_in_url(exchange.scope):
            return False
        headers, auth = exchange.headers, self._auth
        if auth.method == "api_key":
            return _matches(headers.get(b"x-api-key", b"").strip(), self._secret(auth.secret))
        scheme, _, shown = headers.get(b"authorization", b"").strip().partition(b" ")
        if auth.method == "basic":
            return scheme.lower() == b"basic" and self._is_user(shown.strip())
        return scheme.lower() == b"bearer" and _matches(shown.strip(), self._secret(auth.secret))

    def _secret(self, configured: Secret | None) -> str | None:
        return configured.reveal() if configured is not None else self._generated()

    def _is_user(self, shown: bytes) -> bool:
        try:
            name, colon, password = base64.b64decode(shown, validate=True).partition(b":")
        except binascii.Error:
            return False
        known = _equal(name, (self._auth.username or "").encode())
        secret = self._auth.password
        return _matches(password, secret.reveal() if secret is not None else None) and known and bool(colon)

    def _near(self, scope: HTTPScope, address: Address | None, host: bytes) -> bool:
        """Does it come from this machine, and mean it? What was passed on by a proxy does not show where from."""
        if scope["client"] is not None and (address is None or not address.is_loopback):
            return False
        passed_on = any(name.lower() in _FORWARDED for name, _ in scope["headers"])
        return is_loopback_host(host) and (not passed_on or bool(self._proxies))

    def _address(self, scope: HTTPScope) -> Address | None:
        """Who asks: the peer, or whom a trusted proxy names, read right to left. None for a unix socket, and for what
        is no address.
        """
        peer = _parsed(scope["client"][0]) if scope["client"] is not None else None
        if peer is None or not _within(peer, self._proxies):
            return peer
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"]
        for text in reversed([part.strip() for line in lines for part in line.split(",")]):
            peer = _parsed(text)
            if peer is None or not _within(peer, self._proxies):
                return peer
        return peer


def _within(address: Address, networks: Iterable[object]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _own_origin(origin: bytes, host: bytes) -> bool:
    """Is the page from this very address?"""
    try:
        parts = urlsplit(origin.decode("latin-1").strip().lower())
        port = parts.port
    except ValueError:
        return False
    default = {"http": 80, "https": 443}.get(parts.scheme)
    if default is None or parts.hostname is None:
        return False
    return (parts.hostname, port or default) == _host_and_port(host, default)


def _host_and_port(host: bytes, default: int) -> tuple[str | None, int] | None:
    try:
        parts = urlsplit(f"//{host.decode('latin-1').strip().lower()}")
        port = parts.port
    except ValueError:
        return None
    return parts.hostname, port or default


def _named_in_url(scope: HTTPScope) -> bool:
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return any(name.lower() in _IN_A_URL for name, _ in query)


def _matches(shown: bytes, secret: str | None) -> bool:
    return bool(secret) and bool(shown) and _equal(shown, (secret or "").encode())


def _equal(one: bytes, other: bytes) -> bool:
    """In constant time, lengths too."""
    return hmac.compare_digest(sha256(one).digest(), sha256(other).digest())


class _Rate:
    """Requests of each address."""

    def __init__(self, per_minute: int, burst: int | None) -> None:
        self._per_second = per_minute / 60
        self._most = float(burst or per_minute)
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, address: str) -> None:
        """Raises RateLimited."""
        now = trio.current_time()
        bucket = self._buckets.pop(address, None) or TokenBucket(self._per_second, self._most, now)
        self._buckets[address] = bucket
        if len(self._buckets) > _MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        if not bucket.take(1, now):
            wait = bucket.wait(1, now)
            raise RateLimited("too many admin requests from this address (admin.rate_limit)", retry_after=wait)
