"""The folder on this machine for what is kept. Knows the rules of the place, not what lies in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["state_folder"]


def state_folder(configured: str | None, environ: Mapping[str, str]) -> Path:
    """storage.dir where it is given, else continuum in $XDG_STATE_HOME or ~/.local/state. It need not exist yet."""
    if configured is not None:
        return Path(configured).expanduser()
    state = environ.get("XDG_STATE_HOME", "")
    if not Path(state).is_absolute():
        state = str(Path(environ.get("HOME") or "/") / ".local" / "state")
    return Path(state) / "continuum"
