"""The options that choose a configuration, as the commands take them beside those that stand before their name."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from .options import Options

__all__ = ["chooses_configuration", "patience"]

F = TypeVar("F", bound=Callable[..., Any])


patience = click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(0.01, 3600),
    help="How long each backend may take to answer.",
)
"""The option of commands that ask backends."""


def chooses_configuration(command: F) -> F:
    """Give a command `--config` and `--set`; it is called with all Options, those before its name included."""

    @click.option(
        "-c", "--config", "named", metavar="PATH", type=click.Path(), help="Configuration file; else the first found."
    )
    @click.option("--set", "sets", metavar="SECTION.KEY=VALUE", multiple=True, help="Set any key; may be repeated.")
    @wraps(command)
    def choosing(named: str | None, sets: tuple[str, ...], **rest: object) -> object:
        outer = click.get_current_context().obj
        given = outer if isinstance(outer, Options) else Options()
        return command(given._replace(config=named or given.config, sets=(*given.sets, *sets)), **rest)

    return choosing  # type: ignore[return-value]
