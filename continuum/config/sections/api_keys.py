"""The section `api_keys`: who may call, and what each key may do. Nothing here looks a key up."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from continuum.config.plain import is_list, is_mapping
from continuum.config.secret import Credential, Secret
from continuum.config.section import Group, Path, Reload, Section
from continuum.config.types import Word, matching

_MOMENT_RULE = 'must be a time such as "2027-01-31T12:00:00Z", or a day, which begins at 00:00 UTC'


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(_MOMENT_RULE) from None
    if not isinstance(value, datetime):
        raise ValueError(_MOMENT_RULE)  # noqa: TRY004 - pydantic collects ValueError only
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainValidator(_moment),
    PlainSerializer(_iso, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\s*[0-9]{4}-?[0-9]{2}-?[0-9]{2}([T ].*)?\s*$"}),
]
"""A point in time with its zone; without one it is UTC."""

Scope = Literal["read", "write", "files", "admin"]
"""read: look at models. write: ask them. files: the files API. admin: kept for clients that send it; opens nothing."""


class KeyTerms(Group):
    """Who a client is, and what it may do."""

    name: Word | None = Field(default=None, description="What people call it.")
    user_id: Word | None = Field(default=None, description="Whose it is.")
    organization_id: Word | None = Field(default=None, description="Which organization it belongs to.")
    scopes: list[Scope] = Field(
        default=["read", "write", "files"],
        description="What it may do: read lists models, write calls them, files is the files API.",
    )
    models: list[Word] = Field(
        default=[], description="Models it may use, each a name or a pattern with * and ?. Empty: every model."
    )
    rate_limit: int | None = Field(default=None, ge=1, description="Requests per minute; wins over per_api_key.")
    tokens_per_minute: int | None = Field(default=None, ge=1, description="Tokens per minute.")
    enabled: bool = Field(default=True, description="Whether it is accepted.")
    expires_at: Moment | None = Field(default=None, description="When it ends: ISO 8601; without a zone UTC.")


_IDENT_RULE = "must begin with a letter or digit and hold only letters, digits, '.', '_', '@' and '-', at most 128"

Ident = Annotated[
    str,
    AfterValidator(matching(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}", _IDENT_RULE)),
    WithJsonSchema({"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$"}),
]
"""An id that can stand in a URL as it is."""


class _Named(Group):
    """What a new key is called."""

    id: Ident | None = Field(default=None, description="Name of the key in logs and limits; absent: one is made up.")


class NewKey(KeyTerms, _Named):
    """A key to be made: everything but the key itself."""


class _Shown(Group):
    """What a client shows."""

    key: Credential = Field(description="The key as the client sends it.")
    id: Word | None = Field(
        default=None, description="Name of the key in logs and limits; absent: made of the key's digest."
    )


class ApiKey(KeyTerms, _Shown):
    """One client's key: who it is, and what it may do."""

    @property
    def known_as(self) -> str:
        """Its id; without one, a short digest that stays the same wherever the key is written."""
        return self.id or f"key-{sha256(self.key.reveal().encode()).hexdigest()[:8]}"


class ApiKeys(Section, reload=Reload.IMMEDIATE):
    """Keys that clients show, and whether one is needed."""

    mode: Literal["permissive", "blocking"] = Field(
        default="permissive",
        description="blocking: a known key is needed. permissive: without one, or with an unknown one, a caller is "
        "anonymous; a known key brings its identity and limits.",
    )
    api_keys: list[ApiKey] = Field(default=[], description="The keys.")
    api_keys_file: Word | None = Field(
        default=None, description="File with more keys, as a list like api_keys; only its owner may read it (0600)."
    )

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        for path, rule in repeated_keys(given.get("api_keys")):
            yield ("api_keys", *path), rule


_UNIQUE: Mapping[str, str] = {
    "id": "must be unique; another key has this id",
    "key": "must be unique; another entry has this key",
}


def repeated_keys(entries: object) -> Iterator[tuple[Path, str]]:
    """A fault for each entry that shares its id or its key with an earlier one."""
    seen: set[tuple[str, str]] = set()
    for index, entry in enumerate(entries if is_list(entries) else ()):
        for field, rule in _UNIQUE.items():
            value = entry.get(field) if is_mapping(entry) else getattr(entry, field, None)
            text = value.reveal() if isinstance(value, Secret) else value
            if not isinstance(text, str):
                continue
            if (field, text) in seen:
                yield (index, field), rule
            seen.add((field, text))
