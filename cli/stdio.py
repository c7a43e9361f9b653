"""Stdio mode: the agent on this process's own stdin and stdout. The configuration is loaded behind its first answer."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from continuum.acp.descriptors import claim_stdio
from continuum.acp.greeting import greet

if TYPE_CHECKING:
    from pathlib import Path

    from continuum.config import ConfigStore
    from continuum.runtime import Setup

    from .options import Options

__all__ = ["run"]

# The start-up path's lazy table: the agent after stdout is safe, the configuration after `initialize` is answered,
# and where it may be only where nobody names it.
_AGENT = "continuum.acp.server"
_SETTING_UP = "continuum.cli.setting_up"
_FILES = "continuum.config.files"

_INTERRUPTED = 130

_WORD = "capabilities"
_PREFIX = "CONTINUUM_"
_NAMED = "CONTINUUM_CONFIG"


def _has_a_say(options: Options) -> bool:
    """Whether the configuration may speak of what the agent can do: then it is read before `initialize` is answered,
    else that need not wait.
    """
    said = [*options.sets, *(f"{key}{value}" for key, value in os.environ.items() if key.startswith(_PREFIX))]
    if any(_WORD in each.lower() for each in said):
        return True
    try:
        file = options.config or os.environ.get(_NAMED) or _found()
        if file is None or not os.path.isfile(file):  # noqa: PTH113 - pathlib would cost the start 3 ms
            return file is not None  # of a pipe only the one who reads it in earnest can know
        with open(file, "rb") as text:  # noqa: PTH123 - as above
            return _WORD.encode() in text.read()
    except OSError:
        return False  # reading it in earnest says what is wrong


def _found() -> Path | None:
    files = import_module(_FILES)
    file: Path | None = files.find(None, os.environ, files.Path.cwd())
    return file


def run(options: Options) -> int:
    """Serve until the client leaves; the exit code."""
    in_fd, out_fd = claim_stdio()
    try:
        greeting = greet(in_fd, out_fd, deferred=_has_a_say(options))
    except KeyboardInterrupt:
        return _INTERRUPTED

    def load() -> ConfigStore:
        setting_up = import_module(_SETTING_UP)
        setup: Setup = setting_up.set_up_with_logging(options)
        for line in setting_up.table(setup.discovery):
            print(line, file=sys.stderr)  # noqa: T201 - editors show it
        return setup.store

    code: int = import_module(_AGENT).main(in_fd=in_fd, out_fd=out_fd, greeting=greeting, load=load)
    return code
