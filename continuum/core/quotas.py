"""What the section `rate_limiting` and a key's own limits come to: for each caller, model and backend the quotas that
hold. Pure; nothing is counted here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from continuum.config.sections.rate_limiting import Limits

if TYPE_CHECKING:
    from continuum.config import RateLimiting
    from continuum.config.sections.rate_limiting import Limit
    from continuum.core.access import Principal

__all__ = ["Measure", "Quota", "Quotas", "Scope", "Subject"]

_MINUTE: Final = 60.0
_CLIENT_BITS: Final = 64
"""Of an IPv6 address: what one customer is given at least. Below it an address costs nothing."""
_MAX_KNOWN: Final = 10_000


class Measure(Enum):
    """What is counted."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    SLOTS = "slots"
    """Requests under way."""


class Scope(Enum):
    """Of whom it is counted, and how a caller is told: never by anybody else's name."""

    CLIENT = ("client", "this client")
    KEY = ("key", "this API key")
    MODEL = ("model", "this model")
    BACKEND = ("backend", "this backend")
    GLOBAL = ("global", "all callers together")

    def __init__(self, label: str, words: str) -> None:
        self.label = label
        self.words = words


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit: a bucket's rate (units per second) and capacity, and the limit in words."""

    measure: Measure
    rate: float
    capacity: float
    words: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody or something that is counted by itself. key: the beginning of its buckets' names."""

    scope: Scope
    key: str
    quotas: tuple[Quota, ...]


class Quotas:
    """The quotas of one section. A limit that a key has of its own holds even where the section is switched off."""

    def __init__(self, section: RateLimiting) -> None:
        limits = section.limits if section.enabled else Limits()
        self._bypass = frozenset(section.bypass_keys)
        self._whitelist = [ip_network(text, strict=False) for text in section.whitelist]
        client = limits.per_client
        if section.enabled and section.requests_per_minute is not None:
            client = client.model_copy(update={"requests_per_minute": section.requests_per_minute})
        self._client = quotas_of(client)
        self._per_key = limits.per_api_key
        self._backend = quotas_of(limits.per_backend)
        self._model = quotas_of(limits.per_model)
        self._everybody = _subject(Scope.GLOBAL, "", quotas_of(limits.overall))
        self._of_client = lru_cache(_MAX_KNOWN)(self._read_client)
        self._of_key = lru_cache(_MAX_KNOWN)(self._read_key)

    def callers(self, principal: Principal, client: str | None) -> tuple[Subject, ...] | None:
        """Who is counted for a call: the key where a limit of its is known, else the client's address; and everybody
        together. None for callers that are not limited.
        """
        if principal.key_id in self._bypass:
            return None
        by_address = self._of_client(client) if client is not None else ()
        if by_address is None:
            return None
        if principal.key_id is not None:
            by_key = self._of_key(principal.key_id, principal.rate_limit, principal.tokens_per_minute)
            if by_key:
                return by_key + self._everybody
        return by_address + self._everybody

    def model(self, name: str) -> tuple[Subject, ...]:
        """For calls to this model."""
        return _subject(Scope.MODEL, name, self._model)

    def backend(self, name: str) -> tuple[Subject, ...]:
        """For attempts at this backend."""
        return _subject(Scope.BACKEND, name, self._backend)

    def _read_client(self, address: str) -> tuple[Subject, ...] | None:
        """None for one on the whitelist."""
        parsed = ip_address(address)
        if any(parsed in network for network in self._whitelist):
            return None
        if isinstance(parsed, IPv6Address):
            address = str(ip_network((parsed, _CLIENT_BITS), strict=False))
        return _subject(Scope.CLIENT, address, self._client)

    def _read_key(self, key_id: str, requests: int | None, tokens: int | None) -> tuple[Subject, ...]:
        own: dict[str, int | None] = {}
        if requests is not None:
            own |= {"requests_per_minute": requests, "requests_per_second": None, "burst_capacity": None}
        if tokens is not None:
            own["tokens_per_minute"] = tokens
        return _subject(Scope.KEY, key_id, quotas_of(self._per_key.model_copy(update=own)))


def quotas_of(limit: Limit) -> tuple[Quota, ...]:
    """The quotas of one limit, none where it says nothing."""
    found: list[Quota] = []
    if limit.requests_per_minute is not None:
        found.append(_per_minute(Measure.REQUESTS, limit.requests_per_minute, limit.burst_capacity))
    elif (rate := limit.requests_per_second) is not None:
        capacity = limit.burst_capacity or max(1.0, rate * _MINUTE)
        found.append(Quota(Measure.REQUESTS, rate, capacity, f"{rate:g} requests per second"))
    if limit.tokens_per_minute is not None:
        found.append(_per_minute(Measure.TOKENS, limit.tokens_per_minute))
    if (slots := limit.max_in_flight) is not None:
        found.append(Quota(Measure.SLOTS, 0.0, slots, f"{slots} request{'s'[: slots > 1]} at a time"))
    return tuple(found)


def _per_minute(measure: Measure, amount: int, capacity: int | None = None) -> Quota:
    unit = measure.value if amount > 1 else measure.value.removesuffix("s")
    return Quota(measure, amount / _MINUTE, capacity or amount, f"{amount} {unit} per minute")


def _subject(scope: Scope, name: str, quotas: tuple[Quota, ...]) -> tuple[Subject, ...]:
    return (Subject(scope, f"{scope.label}:{name}", quotas),) if quotas else ()
