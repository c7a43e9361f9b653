"""The method table: every ACP method, one row and one file each.

A row's file is imported at its first use (lazy.py), so that `initialize` is answered
before anything but the standard library and trio is loaded. To add a method: a file under methods/ and a row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from .lazy import load_target

if TYPE_CHECKING:
    from .agent import Agent
    from .inbound import Inbound

__all__ = ["METHODS", "AcpMethodRouter", "Answer", "Handler", "Method"]

# Runs up to the first thing it must wait for as soon as its line is read, so a later line finds its effect.
# Gives the answer (sent.results.RESULTS), or an awaitable of it that the connection runs in a task.
Answer = Mapping[str, object]
Handler = Callable[["Agent", "Inbound"], Answer | Awaitable[Answer]]


class Method(NamedTuple):
    """One row. module: the file under methods/ whose `handle` serves it.

    early: allowed before initialize. notification: acts without an id too, and then never waits.
    """

    name: str
    module: str
    early: bool = False
    notification: bool = False


METHODS: Final = (
    Method("initialize", "initialize", early=True),
    Method("authenticate", "authenticate"),
    Method("logout", "logout"),
    Method("session/new", "session_new"),
    Method("session/load", "session_load"),
    Method("session/resume", "session_resume"),
    Method("session/fork", "session_fork"),
    Method("session/list", "session_list"),
    Method("session/close", "session_close"),
    Method("session/delete", "session_delete"),
    Method("session/prompt", "session_prompt"),
    Method("session/cancel", "session_cancel", notification=True),
    Method("session/set_config_option", "session_set_config_option"),
    Method("session/set_mode", "session_set_mode"),
    Method("session/set_model", "session_set_model"),
    Method("providers/list", "providers_list"),
    Method("providers/set", "providers_set"),
    Method("providers/disable", "providers_disable"),
    Method("$/cancel_request", "cancel_request", early=True, notification=True),
)


class AcpMethodRouter:
    """Finds a method's row and its handler."""

    def __init__(self, methods: tuple[Method, ...] = METHODS) -> None:
        self._methods = {method.name: method for method in methods}

    def find(self, name: str) -> Method | None:
        """The row, None for a method that is not served."""
        return self._methods.get(name)

    def handler(self, method: Method) -> Handler:
        """The row's handler; its file is imported now if it was not before."""
        handler: Handler = load_target(f"continuum.acp.methods.{method.module}:handle")
        return handler
