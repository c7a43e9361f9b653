"""The options that say how the router runs, read without any library: stdio mode must start at once.

Commands, help and everything not understood here are click's (app.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["MODES", "Options", "read_stdio_options"]

MODES = ("stdio", "http")
_VALUED = {
    "--mode": "mode",
    "--config": "config",
    "-c": "config",
    "--bind": "bind",
    "--log-level": "log_level",
    "--set": "sets",
}


class Options(NamedTuple):
    """What was said on the command line; None where nothing was. (A dataclass would cost the start 17 ms.)"""

    mode: str = "stdio"
    config: str | None = None
    bind: str | None = None
    log_level: str | None = None
    local: bool = False
    sets: tuple[str, ...] = ()


def read_stdio_options(arguments: Sequence[str]) -> Options | None:
    """The options, when they ask for stdio mode and hold nothing else; None for click to look at."""
    given: dict[str, list[str]] = {}
    local = False
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name == "--local" and not equals:
            local = True
        elif name not in _VALUED or not (equals or rest):
            return None
        else:
            given.setdefault(_VALUED[name], []).append(value if equals else rest.pop(0))
    if given.get("mode", ["stdio"])[-1] != "stdio":
        return None
    last = {name: values[-1] for name, values in given.items()}
    return Options(
        config=last.get("config"),
        bind=last.get("bind"),
        log_level=last.get("log_level"),
        local=local,
        sets=tuple(given.get("sets", ())),
    )
