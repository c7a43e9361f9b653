"""Where a host has mounted the application: told once, at the door, so that nothing behind it knows of a prefix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, AnyStr, cast
from urllib.parse import quote

if TYPE_CHECKING:
    from hypercorn.typing import HTTPScope

__all__ = ["at_root"]


def at_root(scope: HTTPScope) -> HTTPScope:
    """The scope as it would be without a prefix.

    ASGI leaves the prefix in the path and names it in root_path; some hosts cut it off the path alone. Both of
    root_path and raw_path may be missing.
    """
    given = cast("Mapping[str, object]", scope)
    raw, prefix = given.get("raw_path"), given.get("root_path")
    if not prefix and isinstance(raw, bytes):
        return scope
    prefix = prefix.rstrip("/") if isinstance(prefix, str) else ""
    path = _below(scope["path"], prefix) or "/"
    if not isinstance(raw, bytes):
        raw = quote(path).encode()
    for written in (prefix.encode(), quote(prefix).encode()):
        raw = _below(raw, written) or b"/"
    return cast("HTTPScope", {**scope, "root_path": "", "path": path, "raw_path": raw})


def _below(path: AnyStr, prefix: AnyStr) -> AnyStr:
    """The path, or what follows the prefix in it where that ends at a slash."""
    rest = path[len(prefix) :]
    return rest if path.startswith(prefix) and rest[:1] in ("", "/", b"", b"/") else path
