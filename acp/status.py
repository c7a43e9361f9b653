"""What /status and /backends say, in Markdown. Reads only; names no URL and no key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .budget import size_of, window_of
from .instructions import read_instructions

if TYPE_CHECKING:
    from .host import Host
    from .session import Session

__all__ = ["backends", "status"]


def backends(host: Host) -> str:
    """A line for each backend."""
    rows = [
        f"- `{each.name}`: {'usable' if each.health.usable else 'down'}, {len(each.models)} "
        f"{'model' if len(each.models) == 1 else 'models'}, {each.in_flight} in flight"
        for each in host.pool.backends
    ]
    return "\n".join(["Backends:", *rows]) if rows else "There is no backend."


def status(session: Session) -> str:
    """The session as it stands."""
    window = window_of(session)
    size = f"about {size_of(session.history)} tokens"
    rows = [
        ("Session", f"`{session.id}`"),
        ("Model", f"`{session.model}`" if session.model else "none: no backend offers any"),
        ("Mode", f"`{session.mode}`"),
        ("Thinking", f"`{session.thought_level or 'default'}`"),
        ("Context", f"{size} of {window}" if window else f"{size}; the window of this model is not known"),
        ("Cost", "not known" if session.cost is None else f"{session.cost:.4f} US dollars"),
        ("Folders", ", ".join(f"`{path}`" for path in (session.cwd, *session.additional_directories))),
        ("Instructions", _instructions(session)),
    ]
    return "\n".join(f"- {name}: {text}" for name, text in rows)


def _instructions(session: Session) -> str:
    files = read_instructions(session.cwd)
    if not files:
        return "no AGENTS.md from here to the repository's root"
    return ", ".join(f"`{each.path}`{' (cut short)' if each.cut else ''}" for each in files)
