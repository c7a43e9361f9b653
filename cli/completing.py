"""What a shell is offered for names of backends and models: read from the configuration file, never from a network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from continuum.config import load
from continuum.config.files import find
from continuum.errors import ContinuumError

from .options import Options
from .setting_up import choice

if TYPE_CHECKING:
    import click

    from continuum.config import Config

__all__ = ["backend_names", "model_names"]


def backend_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The configured backends that begin so, but for those that are named already."""
    config = _config(context)
    given = context.params.get(parameter.name or "") or ()
    names = [each.name for each in config.backends] if config is not None else []
    return [name for name in names if name.startswith(incomplete) and name not in given]


def model_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The configured models and aliases that begin so."""
    del parameter
    config = _config(context)
    if config is None:
        return []
    names = [entry.id for each in config.backends if each.enabled for entry in each.entries]
    return sorted({name for name in [*names, *config.routing.aliases] if name.startswith(incomplete)})


def _config(context: click.Context) -> Config | None:
    """The file that the line so far chooses; None where none can be used: a completion never complains."""
    named = context.params.get("named")
    outer = context.find_root().params
    options = Options(config=named or outer.get("config_file"))
    try:
        chosen = choice(options)
        file = find(chosen.file, os.environ, Path.cwd())
        return load(file, environ=os.environ, overlay=chosen.overlay) if file is not None else None
    except (ContinuumError, OSError):
        return None
