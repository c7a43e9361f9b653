"""Who changed what, and who looked at secrets: JSON lines, secrets masked, in a file of the storage folder; in the log
where nothing is kept.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from continuum.config import Config
from continuum.config.changes import changes
from continuum.storage.private import append_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from continuum.config.ledger import Deed
    from continuum.http.admin.door import Administrator

__all__ = ["Audit"]

_log = logging.getLogger("continuum.audit")

_MOST_BYTES: Final = 10 * 1024 * 1024
"""Then the file is set aside and a new one begun; the one before it goes."""


class Audit:
    """One file. What cannot be written is told in the log: the change itself is done by then."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def change(self, deed: Deed) -> None:
        """The configuration was changed. Blocks."""
        found = changes(deed.old, deed.new, Config.model_fields)
        sections = list(dict.fromkeys([*deed.sections, *found]))
        more = {"version": deed.version, "sections": sections, "changes": found}
        self._write(deed.user, deed.peer, deed.source, more)

    async def note(self, who: Administrator, event: str, sections: Sequence[str] = (), **more: object) -> None:
        """Anything else that is worth a line."""
        told = {"event": event, "sections": list(sections), **more}
        await trio.to_thread.run_sync(self._write, who.user, who.peer, "api", told)

    def _write(self, user: str, peer: str, source: str, more: Mapping[str, object]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = msgspec.json.encode({"time": now, "user": user, "peer": peer, "source": source, **more})
        if self._path is None:
            _log.info("%s", line.decode())
            return
        try:
            append_line(self._path, line, most=_MOST_BYTES)
        except OSError as fault:
            _log.error("the audit log cannot be written: %s", fault.strerror or "I/O error")
