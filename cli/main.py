"""The console script. Standard library only until the mode is known: an editor waits for stdio mode's first answer."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from .options import read_stdio_options

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COMPLETING", "main"]

COMPLETING = "_CONTINUUM_COMPLETE"
"""The variable with which a shell asks for completions; what is being completed comes in others."""

# The start-up path's lazy table: each entry is imported when it is the one to run.
_STDIO = "continuum.cli.stdio"
_CLICK = "continuum.cli.app"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = None if COMPLETING in os.environ else read_stdio_options(given)
    if options is not None:
        sys.exit(import_module(_STDIO).run(options))
    import_module(_CLICK).run(given)
