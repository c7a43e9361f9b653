"""Who is calling, and what they may do: client keys looked up by digest. Decides only; where a key stands in a
request is a transport's business.
"""

from __future__ import annotations

import hmac
import re
import time
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from continuum.errors import PermissionDenied, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from continuum.config import ApiKey

__all__ = ["ANONYMOUS", "Access", "Principal"]


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller. key_id: None for one without a key. models: name patterns; empty means every model.
    rate_limit is in requests per minute.
    """

    key_id: str | None = None
    user_id: str | None = None
    organization_id: str | None = None
    scopes: frozenset[str] = frozenset({"read", "write", "files"})
    models: tuple[str, ...] = ()
    rate_limit: int | None = None
    tokens_per_minute: int | None = None

    def may_use(self, model: str) -> bool:
        """Whether this caller may use a model."""
        return not self.models or _matcher(self.models).match(model) is not None

    def need_model(self, model: str) -> None:
        """Raises PermissionDenied where it may not."""
        if not self.may_use(model):
            raise PermissionDenied("this API key may not use this model", param="model")

    def need_scope(self, scope: str) -> None:
        """Raises PermissionDenied for a caller without this scope."""
        if scope not in self.scopes:
            raise PermissionDenied(f"this API key lacks the scope '{scope}'")


ANONYMOUS = Principal()
"""A caller without a key of ours: may use everything but what is its own."""


@lru_cache(maxsize=4096)
def _matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)))


class _Key(NamedTuple):
    digest: bytes
    principal: Principal
    enabled: bool
    expires: float  # seconds since the epoch


class Access:
    """The keys in force. One hash and one look into a table, however many keys there are: no key is compared with
    another, and the table holds only digests.
    """

    def __init__(self, keys: Iterable[ApiKey] = (), *, needed: bool = False) -> None:
        """needed: whether a caller without a known key is refused."""
        self._needed = needed
        self._keys = {entry.digest: entry for entry in map(_entry, keys)}

    def identify(self, credential: bytes | None) -> Principal:
        """Whose credential this is. Raises Unauthenticated, always in the same words."""
        if credential is not None:
            digest = sha256(credential).digest()
            key = self._keys.get(digest)
            if key is not None and hmac.compare_digest(key.digest, digest):
                if key.enabled and time.time() < key.expires:  # the wall clock: an expiry is a date
                    return key.principal
                raise _refused()
        if self._needed:
            raise _refused()
        return ANONYMOUS


def _entry(key: ApiKey) -> _Key:
    principal = Principal(
        key.known_as,
        key.user_id,
        key.organization_id,
        frozenset(key.scopes),
        tuple(key.models),
        key.rate_limit,
        key.tokens_per_minute,
    )
    digest = sha256(key.key.reveal().encode()).digest()
    return _Key(digest, principal, key.enabled, key.expires_at.timestamp() if key.expires_at else inf)


def _refused() -> Unauthenticated:
    return Unauthenticated("a valid API key is needed, as 'Authorization: Bearer KEY' or 'x-api-key: KEY'")
