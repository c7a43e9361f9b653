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
    from collections.abc import Iterable, Mapping

    from continuum.config import ApiKey
    from continuum.config.sections.api_keys import KeyTerms

__all__ = ["ANONYMOUS", "Access", "Entry", "KeyTable", "Principal", "entry_of"]


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


class Entry(NamedTuple):
    """One digest that opens, and for whom. expires: seconds since the epoch."""

    digest: bytes
    principal: Principal
    enabled: bool
    expires: float


class KeyTable:
    """The keys of a configuration, by id and by digest."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self.by_id: Mapping[str, ApiKey] = {key.known_as: key for key in keys}
        self.by_digest: Mapping[bytes, Entry] = {
            entry.digest: entry
            for ident, key in self.by_id.items()
            for entry in [entry_of(ident, key, sha256(key.key.reveal().encode()).digest())]
        }


class Access:
    """The keys in force: those of the configuration, and those that were made since. One hash and a look into a table
    or two, however many keys there are: no key is compared with another, and the tables hold only digests.

    made: by digest; whoever makes keys changes it in place. uses: when a key was last accepted, by id, in seconds since
    the epoch.
    """

    def __init__(self, keys: Iterable[ApiKey] = (), *, needed: bool = False) -> None:
        """needed: whether a caller without a known key is refused."""
        self.made: dict[bytes, Entry] = {}
        self.uses: dict[str, float] = {}
        self.retune(KeyTable(keys), needed=needed)

    def retune(self, configured: KeyTable, *, needed: bool) -> None:
        """Go by these keys of the configuration from now on."""
        self.configured = configured
        self._by_digest = configured.by_digest
        self._needed = needed

    def identify(self, credential: bytes | None) -> Principal:
        """Whose credential this is. Raises Unauthenticated, always in the same words."""
        if credential is not None and (self._by_digest or self.made):
            digest = sha256(credential).digest()
            key = self._by_digest.get(digest) or self.made.get(digest)
            if key is not None and hmac.compare_digest(key.digest, digest):
                now = time.time()  # the wall clock: an expiry is a date
                if key.enabled and now < key.expires:
                    self.uses[key.principal.key_id or ""] = now
                    return key.principal
                raise _refused()
        if self._needed:
            raise _refused()
        return ANONYMOUS


def entry_of(ident: str, terms: KeyTerms, digest: bytes, *, until: float = inf) -> Entry:
    """What a digest opens to. until: seconds since the epoch, where it ends before its key does."""
    principal = Principal(
        ident,
        terms.user_id,
        terms.organization_id,
        frozenset(terms.scopes),
        tuple(terms.models),
        terms.rate_limit,
        terms.tokens_per_minute,
    )
    expires = terms.expires_at.timestamp() if terms.expires_at else inf
    return Entry(digest, principal, terms.enabled, min(expires, until))


def _refused() -> Unauthenticated:
    return Unauthenticated("a valid API key is needed, as 'Authorization: Bearer KEY' or 'x-api-key: KEY'")
