"""Where a client puts its key: the header forms in use. The key is read here and goes no further than its lookup."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["credential"]

_PLAIN = (b"x-api-key", b"api-key", b"x-goog-api-key")
"""After `Authorization: Bearer`, as Anthropic's, Azure's and Google's clients send it."""


def credential(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The key of a request: the first form that is there counts, and only that one. Names are in lower case."""
    scheme, _, token = headers.get(b"authorization", b"").strip().partition(b" ")
    if scheme.lower() == b"bearer" and (key := token.strip()):
        return key
    return next((key for name in _PLAIN if (key := headers.get(name, b"").strip())), None)
