"""What commands of a session may know of our environment: what developers' programs need, and no secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from continuum.children import reduced_environment

__all__ = ["command_environment"]

_DEVELOPERS: Final = re.compile(
    r"""
    [A-Z]+_HOME | GO(PATH|ROOT|BIN|FLAGS) | (NVM|PYENV|RBENV)_(DIR|ROOT) | NODE_PATH | CLASSPATH | MANPATH
    | PKG_CONFIG_PATH | CC | CXX | (C|CPP|CXX|LD)FLAGS | TERM | COLORTERM | SSH_AUTH_SOCK | DISPLAY | WAYLAND_DISPLAY
    | GIT_(AUTHOR|COMMITTER)_(NAME|EMAIL) | CONDA_(PREFIX|DEFAULT_ENV)
    """,
    re.VERBOSE,
)
_SECRET_NAME: Final = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
_SET: Final = {"GIT_TERMINAL_PROMPT": "0", "PAGER": "cat", "GIT_PAGER": "cat"}
"""Nobody is there to answer a prompt or to turn a page."""


def command_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command or of an MCP server."""
    developers = {
        name: value for name, value in environ.items() if _DEVELOPERS.fullmatch(name) and not _SECRET_NAME.search(name)
    }
    return {**reduced_environment(environ), **developers, **_SET}
