"""The modes a session can be in, as the client shows them; permissions.py says what each one allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .permissions import Mode
    from .sent.results import AgentMode, AgentModes

__all__ = ["MODES", "mode_state"]

MODES: Final[dict[Mode, tuple[str, str]]] = {
    "ask": ("Ask", "Asks before edits, deletions and commands, as acp.permissions says"),
    "auto_edit": ("Auto edit", "Edits and moves files inside the session's folders unasked"),
    "read_only": ("Read only", "Reads, searches and thinks; nothing else"),
    "yolo": ("Yolo", "Does everything inside the session's folders unasked"),
}
"""Name and description by id."""


def mode_state(current: Mode) -> AgentModes:
    """The legacy `modes` of an answer, in step with the config option."""
    available: list[AgentMode] = [
        {"id": ident, "name": name, "description": text} for ident, (name, text) in MODES.items()
    ]
    return {"currentModeId": current, "availableModes": available}
