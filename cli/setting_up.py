"""From options to a configuration, with logging set up as it says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from continuum.config import overlay
from continuum.runtime import Choice, Setup, log, set_up

if TYPE_CHECKING:
    from .options import Options

__all__ = ["choice", "set_up_with_logging"]

_KEYS = {"bind": ("--bind", "server.bind_address"), "log_level": ("--log-level", "logging.level")}


def choice(options: Options) -> Choice:
    """What the options and the environment ask for; the options win. Raises ConfigError."""
    layers = [overlay.from_environ(os.environ), overlay.from_sets(options.sets)]
    for attribute, (name, key) in _KEYS.items():
        value = getattr(options, attribute)
        if value is not None:
            layers.append(overlay.option(name, key, value))
    return Choice(os.environ, options.config, overlay.merge(*layers), options.local)


def set_up_with_logging(options: Options) -> Setup:
    """The configuration, and logging as it says. Raises ConfigError."""
    setup = set_up(choice(options))
    log.configure(setup.config.logging)
    return setup
