"""The routes that are neither calls to a model nor asked by everybody: Quart's, which is loaded when the first of them
is asked for. It is a quarter of the start and a fifth of the memory, and many a router is never asked for one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

import trio

from continuum.core import Principal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

    from continuum.runtime import Instance

__all__ = ["Pages", "principal_of", "with_principal"]

_QUART = "continuum.http.quart_app"
_PRINCIPAL = "continuum.principal"


class Pages:
    """The ASGI application of one instance's pages."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._app: ASGIFramework | None = None

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if self._app is None:
            make_app = await trio.to_thread.run_sync(_load)  # so that what is being answered goes on
            self._app = make_app(self._instance)  # of two that come first, each makes one: either will do
        await self._app(scope, receive, send)


def _load() -> Callable[[Instance], ASGIFramework]:
    return cast("Callable[[Instance], ASGIFramework]", import_module(_QUART).make_app)


def with_principal(scope: HTTPScope, principal: Principal) -> HTTPScope:
    """The scope of a page that answers this caller."""
    return cast("HTTPScope", {**scope, _PRINCIPAL: principal})


def principal_of(scope: HTTPScope) -> Principal:
    """Whom a page answers."""
    principal = cast("Mapping[str, object]", scope).get(_PRINCIPAL)
    assert isinstance(principal, Principal), "every page is reached through with_principal"  # noqa: S101 - our own slip
    return principal
