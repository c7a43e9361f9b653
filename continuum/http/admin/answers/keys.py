"""What is answered below /keys."""

from typing import NotRequired, TypedDict

from continuum.runtime.keyring import Source

__all__ = [
    "Key",
    "KeyChanged",
    "KeyList",
    "KeyMade",
    "KeyRemoved",
    "KeyRotated",
]


class Key(TypedDict):
    """A client key; the key itself is masked."""

    id: str
    source: Source
    key: str
    name: NotRequired[str]
    user_id: NotRequired[str]
    organization_id: NotRequired[str]
    scopes: list[str]
    models: list[str]
    rate_limit: NotRequired[int]
    tokens_per_minute: NotRequired[int]
    enabled: bool
    expires_at: NotRequired[str]
    created_at: NotRequired[str]
    rotated_at: NotRequired[str]
    previous_expires_at: NotRequired[str]
    last_used: str | None


class KeyList(TypedDict):
    """Client keys, those of the configuration first."""

    keys: list[Key]
    total: int


class KeyChanged(TypedDict):
    """A client key was changed."""

    success: bool
    message: str
    key: Key


class KeyMade(KeyChanged):
    """A client key was made, or made anew. secret: the key itself, shown this once."""

    secret: str


class KeyRotated(KeyMade):
    """A client key was made anew. previous_expires_at: until when the one before it is accepted."""

    previous_expires_at: str | None


class KeyRemoved(TypedDict):
    """A client key was removed."""

    success: bool
    message: str
    removed_key: str
