"""Stdio mode: the agent on this process's own stdin and stdout. The configuration is loaded behind its first answer."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from continuum.acp.descriptors import claim_stdio
from continuum.acp.greeting import greet

if TYPE_CHECKING:
    from continuum.config import Config
    from continuum.runtime import Setup

    from .options import Options

__all__ = ["run"]

# The start-up path's lazy table: the agent after stdout is safe, the configuration after `initialize` is answered.
_AGENT = "continuum.acp.server"
_SETTING_UP = "continuum.cli.setting_up"

_INTERRUPTED = 130


def run(options: Options) -> int:
    """Serve until the client leaves; the exit code."""
    in_fd, out_fd = claim_stdio()
    try:
        greeting = greet(in_fd, out_fd)
    except KeyboardInterrupt:
        return _INTERRUPTED

    def load() -> Config:
        setting_up = import_module(_SETTING_UP)
        setup: Setup = setting_up.set_up_with_logging(options)
        for line in setting_up.table(setup.discovery):
            print(line, file=sys.stderr)  # noqa: T201 - editors show it
        return setup.config

    code: int = import_module(_AGENT).main(in_fd=in_fd, out_fd=out_fd, greeting=greeting, load=load)
    return code
