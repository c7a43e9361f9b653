"""A session and its stored row: what of it outlives the process."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from continuum.storage.sessions import SessionRow

from .jsonrpc import JsonObject, is_object, well_formed
from .modes import MODES
from .sent.results import SessionInfo

if TYPE_CHECKING:
    from .session import Session

__all__ = ["info_of", "is_ident", "restored", "row_of", "timestamp"]

_IDENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NOT_INHERITED: Final = "yolo"  # the widest permission is given by a user who is there, not by a file


def is_ident(text: str) -> bool:
    """Whether a session may have this id, or name."""
    return _IDENT.fullmatch(text) is not None


def row_of(session: Session) -> SessionRow:
    """The row, updated now."""
    state: JsonObject = {
        "model": session.chosen_model,
        "mode": session.mode,
        "thoughtLevel": session.thought_level,
        "cost": session.cost,
        "additionalDirectories": list(session.additional_directories),
    }
    return SessionRow(
        session.id,
        well_formed(session.cwd),
        session.title,
        time.time_ns() // 1_000_000,
        json.dumps(state, separators=(",", ":")).encode("ascii"),
    )


def restored(session: Session, row: SessionRow) -> None:
    """Give the session what its row says; its places stay those it was opened with."""
    state = _state(row)
    mode, model, level = state.get("mode"), state.get("model"), state.get("thoughtLevel")
    session.title = row.title
    cost = state.get("cost")
    session.cost = float(cost) if isinstance(cost, (int, float)) else None
    session.chosen_model = model if isinstance(model, str) else None
    session.thought_level = level if isinstance(level, str) else ""
    for known in MODES:
        if known == mode and known != _NOT_INHERITED:
            session.mode = known


def info_of(row: SessionRow) -> SessionInfo:
    """The row as session/list shows it."""
    info: SessionInfo = {"sessionId": row.id, "cwd": row.cwd, "updatedAt": timestamp(row.updated)}
    if row.title is not None:
        info["title"] = row.title
    directories = _state(row).get("additionalDirectories")
    if directories:
        info["additionalDirectories"] = directories
    return info


def timestamp(milliseconds: int) -> str:
    """ISO 8601, UTC."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _state(row: SessionRow) -> JsonObject:
    try:
        state = json.loads(row.state)
    except ValueError:
        return {}
    return state if is_object(state) else {}
