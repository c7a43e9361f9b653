"""Cross-origin calls from browsers: what a preflight is answered, and what an answer grants."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.config import Cors
    from continuum.http.exchange import Headers

__all__ = ["CorsGrant"]

_ANY = "*"
_SHOWN = b"x-request-id, x-continuum-backend, x-continuum-model, x-continuum-attempts, retry-after"
_CLOSED = "/admin"
"""Its own authentication may be the browser's: no page of another origin is let in."""
_BELOW_CLOSED = f"{_CLOSED}/"
_VARY = (b"vary", b"Origin")


class CorsGrant:
    """What one section grants to whom. Header names are in lower case."""

    def __init__(self, section: Cors) -> None:
        self._origins = {origin.encode() for origin in section.allow_origins}
        self._any_origin = _ANY in section.allow_origins
        self._any_header = _ANY in section.allow_headers
        self._methods = ", ".join(section.allow_methods).encode()
        self._headers = ", ".join(name for name in section.allow_headers if name != _ANY).encode()
        self._max_age = str(int(section.max_age)).encode()

    def answer(self, path: str, headers: Mapping[bytes, bytes]) -> Headers:
        """The headers with which an answer at `path` goes to the page that asked.

        With every origin allowed, nobody is granted the credentials that a browser sends by itself.
        """
        if not self._grants(path, headers):
            return [] if self._any_origin else [_VARY]
        granted: Headers = [(b"access-control-expose-headers", _SHOWN)]
        if self._any_origin:
            return [*granted, (b"access-control-allow-origin", b"*")]
        origin = (b"access-control-allow-origin", headers[b"origin"])
        return [*granted, origin, (b"access-control-allow-credentials", b"true"), _VARY]

    def preflight(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Headers | None:
        """What a preflight is told on top of `answer`; None for a request that is none, or is not granted."""
        if method != "OPTIONS" or b"access-control-request-method" not in headers or not self._grants(path, headers):
            return None
        asked = headers.get(b"access-control-request-headers", b"")
        allowed = asked if self._any_header else self._headers
        told = [(b"access-control-allow-methods", self._methods), (b"access-control-max-age", self._max_age)]
        return [*told, (b"access-control-allow-headers", allowed)] if allowed else told

    def _grants(self, path: str, headers: Mapping[bytes, bytes]) -> bool:
        if path == _CLOSED or path.startswith(_BELOW_CLOSED):
            return False
        origin = headers.get(b"origin")
        return origin is not None and (self._any_origin or origin in self._origins)
