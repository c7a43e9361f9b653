"""Where a host has mounted the application: told once, at the door, so that nothing behind it knows of a prefix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, AnyStr, Final, cast
from urllib.parse import quote

from continuum.dialects import DIALECTS
from continuum.errors import ContinuumError
from continuum.http.exchange import Exchange

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

__all__ = ["Mounted", "at_root", "mounted_at", "on_loopback"]

_PREFIX: Final = "continuum.mounted_at"
_LOOPBACK: Final = "continuum.on_loopback"
_PLAIN: Final = DIALECTS["openai_chat"]


class Mounted:
    """An application in a host program, whose server it is. check: raises ContinuumError where nothing is answered."""

    def __init__(self, app: ASGIFramework, check: Callable[[], None]) -> None:
        self._app = app
        self._check = check

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = _of_host(scope)
        try:
            self._check()
        except ContinuumError as error:
            await Exchange(scope, receive, send).fail(error, _PLAIN)
        else:
            await self._app(scope, receive, send)


def mounted_at(scope: HTTPScope) -> str:
    """The prefix under which a host has the application; empty where it has none."""
    return str(cast("Mapping[str, object]", scope).get(_PREFIX, ""))


def on_loopback(scope: HTTPScope) -> bool | None:
    """Whether a host's server took the request on a loopback address; None where the server is ours."""
    known = cast("Mapping[str, object]", scope).get(_LOOPBACK)
    return None if known is None else bool(known)


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
    return cast("HTTPScope", {**scope, "root_path": "", "path": path, "raw_path": raw, _PREFIX: prefix})


def _below(path: AnyStr, prefix: AnyStr) -> AnyStr:
    """The path, or what follows the prefix in it where that ends at a slash."""
    rest = path[len(prefix) :]
    return rest if path.startswith(prefix) and rest[:1] in ("", "/", b"", b"/") else path


def _of_host(scope: HTTPScope) -> HTTPScope:
    """The scope with what hosts may leave out, and what only matters where the server is theirs."""
    near = _is_loopback(cast("Mapping[str, object]", scope).get("server"))
    return cast("HTTPScope", {"client": None, **scope, _LOOPBACK: near})


def _is_loopback(server: object) -> bool:
    """Whether an ASGI server's own (host, port) is; a unix socket, and one that is not told, are none."""
    match server:
        case [str(host), int()]:
            try:
                return ip_address(host).is_loopback
            except ValueError:
                return False
        case _:
            return False
