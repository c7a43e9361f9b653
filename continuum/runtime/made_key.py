"""One client key that was made while the router ran: its terms, its dates, and what is stored of it."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec

from continuum.config.secret import mask
from continuum.config.sections.api_keys import KeyTerms
from continuum.core import entry_of
from continuum.storage.keys import KeyRow

if TYPE_CHECKING:
    from continuum.core import Entry

__all__ = ["MadeKey", "new_secret"]

_PREFIX: Final = "sk-"
_ALPHABET: Final = string.ascii_letters + string.digits  # a double click takes all of it
_LENGTH: Final = 43  # 256 bits


def new_secret() -> str:
    """A key that nobody has."""
    return _PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


class _Record(msgspec.Struct, omit_defaults=True):
    """What the store keeps and does not look at."""

    terms: dict[str, Any]
    shown: str
    created: datetime
    revision: int
    rotated: datetime | None = None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """shown: the key, masked. revision: how often it was written. until: the key before the one of `rotated` opens
    until then, too.
    """

    id: str
    terms: KeyTerms
    digest: bytes
    shown: str
    created: datetime
    revision: int = 1
    rotated: datetime | None = None
    earlier: bytes | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, ident: str, terms: KeyTerms, secret: str) -> MadeKey:
        """A new one."""
        return cls(ident, terms, _digest(secret), mask(secret), datetime.now(UTC))

    def with_terms(self, terms: KeyTerms) -> MadeKey:
        """The same on other terms; itself where they are no others."""
        return self if terms == self.terms else replace(self, terms=terms, revision=self.revision + 1)

    def rotated_to(self, secret: str, grace: float) -> MadeKey:
        """The same with another key; the one until now opens for so many seconds more. Any before it is out."""
        now = datetime.now(UTC)
        kept = grace > 0
        return replace(
            self,
            digest=_digest(secret),
            shown=mask(secret),
            revision=self.revision + 1,
            rotated=now,
            earlier=self.digest if kept else None,
            until=now + timedelta(seconds=grace) if kept else None,
        )

    def entries(self) -> list[Entry]:
        """What opens to it."""
        made = [entry_of(self.id, self.terms, self.digest)]
        if self.earlier is not None and self.until is not None:
            made.append(entry_of(self.id, self.terms, self.earlier, until=self.until.timestamp()))
        return made

    def row(self, used: float | None) -> KeyRow:
        """What is stored. used: seconds since the epoch."""
        terms = self.terms.model_dump(mode="json", exclude_none=True)
        record = _Record(terms, self.shown, self.created, self.revision, self.rotated)
        return KeyRow(
            self.id,
            self.digest,
            self.earlier,
            None if self.until is None else _milliseconds(self.until.timestamp()),
            None if used is None else _milliseconds(used),
            msgspec.json.encode(record),
        )

    @classmethod
    def from_row(cls, row: KeyRow) -> MadeKey:
        """What was stored. Raises ValueError for what another release has written."""
        record = msgspec.json.decode(row.record, type=_Record)
        return cls(
            row.id,
            KeyTerms.model_validate(record.terms),
            row.digest,
            record.shown,
            record.created,
            record.revision,
            record.rotated,
            row.earlier,
            None if row.until is None else datetime.fromtimestamp(row.until / 1000, UTC),
        )


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
