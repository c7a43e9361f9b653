"""The options that say how the router runs, read without any library: stdio mode must start at once.

Commands, help and everything not understood here are click's (app.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["MODES", "Options", "read_stdio_options"]

MODES = ("stdio", "http")
_VALUED = {
    "--mode": "mode",
    "--config": "config",
    "-c": "config",
    "--bind": "bind",
    "--log-level": "log_level",
}


@dataclass(slots=True)
class Options:
    """What was said on the command line; None where nothing was."""

    mode: str = "stdio"
    config: str | None = None
    bind: str | None = None
    log_level: str | None = None
    local: bool = False
    sets: list[str] = field(default_factory=list[str])


def read_stdio_options(arguments: Sequence[str]) -> Options | None:
    """The options, when they ask for stdio mode and hold nothing else; None for click to look at."""
    options = Options()
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name == "--local" and not equals:
            options.local = True
            continue
        if name not in _VALUED and name != "--set":
            return None
        if not equals:
            if not rest:
                return None
            value = rest.pop(0)
        if name == "--set":
            options.sets.append(value)
        else:
            setattr(options, _VALUED[name], value)
    return options if options.mode == "stdio" else None
