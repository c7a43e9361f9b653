"""From options to a configuration, with logging set up as it says."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from continuum.config import Logging, overlay, warnings
from continuum.prompts import unreadable
from continuum.runtime import Choice, Setup, log, rows, set_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from continuum.errors import ConfigProblem
    from continuum.runtime import Discovery

    from .options import Options

__all__ = ["choice", "doubts", "set_up_to_look", "set_up_with_logging", "table"]

_KEYS = {"bind": ("--bind", "server.bind_address"), "log_level": ("--log-level", "logging.level")}
_log = logging.getLogger("continuum.config")


def choice(options: Options) -> Choice:
    """What the options and the environment ask for; the options win. Raises ConfigError."""
    layers = [overlay.from_environ(os.environ), overlay.from_sets(options.sets)]
    for attribute, (name, key) in _KEYS.items():
        value = getattr(options, attribute)
        if value is not None:
            layers.append(overlay.option(name, key, value))
    return Choice(os.environ, options.config, overlay.merge(*layers), options.local)


def set_up_with_logging(options: Options, *, keep: bool = False) -> Setup:
    """The configuration, and logging as it says; the log tells what is probably not meant. keep: go on with the
    versions that were kept. Raises ConfigError.
    """
    setup = set_up(choice(options), keep=keep)
    log.configure(setup.config.logging)
    for warning in warnings(setup.config):
        _log.warning("%s", warning)
    return setup


def doubts(setup: Setup) -> list[ConfigProblem]:
    """What is legal and probably not meant, and prompt files that cannot be read."""
    return [*warnings(setup.config), *unreadable(setup.config.global_prompts, setup.store.beside)]


def set_up_to_look(options: Options) -> Setup:
    """The configuration, for a command that only looks: a log file is the server's, and what is odd is told by other
    commands. Raises ConfigError.
    """
    setup = set_up(choice(options))
    log.configure(Logging(level="error"))
    return setup


def table(discovery: Discovery | None) -> Iterator[str]:
    """What was found and what was not, in lines for stderr; none where nothing was looked for."""
    if discovery is not None:
        yield "continuum: no configuration file; looked at what this machine has:"
        yield from (f"continuum:   {row}" for row in rows(discovery.findings))
