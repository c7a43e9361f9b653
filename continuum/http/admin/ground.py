"""What the admin API's handlers stand on: the running instance, its configuration store, and what only they keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import trio

from continuum.config.edit import Base, Edit
from continuum.config.secret import is_masked
from continuum.config.view import ADMIN_SECTIONS, masked
from continuum.errors import InvalidSection, SectionNotFound, VersionConflict
from continuum.http.admin.audit import Audit
from continuum.http.admin.door import Door

if TYPE_CHECKING:
    from continuum.config import Admin, Config, Server
    from continuum.config.store import Candidate, Committed, ConfigStore
    from continuum.config.version import VersionSource
    from continuum.errors import ConfigProblem
    from continuum.http.admin.request import Request
    from continuum.runtime import Instance

__all__ = ["Ground", "Staged", "Written", "iso", "known_section", "named_sections", "safe_name", "writable_section"]

Change = Callable[[Base], Mapping[str, Edit]]
"""From what is stored to the sections that a request changes."""


@dataclass(frozen=True, slots=True)
class Staged:
    """What an import left to be applied: sections in stored form, and the version they were made from."""

    version: int
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a write, with the warnings of the edit itself."""

    committed: Committed
    warnings: list[ConfigProblem]


class Ground:
    """One for an instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.audit = Audit(instance.folder and instance.folder / "audit.jsonl")
        instance.store.tell_to(self.audit.change)
        self.staged: Staged | None = None
        self._door: Door | None = None
        self._judged_by: tuple[Server, Admin] | None = None

    @property
    def store(self) -> ConfigStore:
        """The configuration in force, and its versions."""
        return self.instance.store

    @property
    def door(self) -> Door:
        """By the configuration in force."""
        config = self.instance.config
        if self._door is None or self._judged_by != (config.server, config.admin):
            self._door = Door(config.server, config.admin, self.instance.admin_token.read)
            self._judged_by = config.server, config.admin
        return self._door

    @property
    def base(self) -> Base:
        """What edits start from."""
        current = self.store.current
        return Base(current.stored, current.config)

    async def judge(self, changes: Mapping[str, Any]) -> Candidate:
        """What replacing these sections would come to: judged as a commit would. Raises ConfigError."""
        candidate = self.store.judge(changes)
        if "api_keys" in candidate.sections_changed:  # a file of keys is read, ids of made keys are taken
            await trio.to_thread.run_sync(self.instance.keys.prepare, candidate.in_force)
        return candidate

    async def write(
        self,
        request: Request,
        change: Change,
        description: str,
        *,
        source: VersionSource = "api",
        once: bool = False,
    ) -> Written:
        """Commit what `change` makes of what is stored. once: not again on what somebody else
        left meanwhile. Raises ConfigError.
        """
        while True:
            current = self.store.current
            expected = request.expects(current.number)
            edits = change(Base(current.stored, current.config))
            try:
                committed = await self.store.commit(
                    {section: edit.data for section, edit in edits.items()},
                    source=source,
                    user=request.who.user,
                    description=description,
                    peer=request.who.peer,
                    if_match=current.number,
                )
            except VersionConflict:
                if once or expected is not None:
                    raise
                continue  # somebody else wrote meanwhile: the edit is made again from what they left
            return Written(committed, [warning for edit in edits.values() for warning in edit.warnings])

    def view(self, section: str, config: Config | None = None) -> Any:
        """A section as it is shown."""
        return masked(config or self.store.current.config)[section]


def known_section(name: str) -> str:
    """A section to be read. Raises SectionNotFound."""
    if name not in ADMIN_SECTIONS:
        raise SectionNotFound(name, ADMIN_SECTIONS)
    return name


def writable_section(name: str) -> str:
    """A section to be written, or named in a body. Raises InvalidSection."""
    if name not in ADMIN_SECTIONS:
        raise InvalidSection(name, ADMIN_SECTIONS)
    return name


def named_sections(names: list[str] | None) -> list[str]:
    """Those that a body names, each once and in their order; all where it names none. Raises InvalidSection."""
    if names is None:
        return list(ADMIN_SECTIONS)
    for name in names:
        writable_section(name)
    return [name for name in ADMIN_SECTIONS if name in names]


def safe_name(name: object) -> str:
    """A name as a message may repeat it."""
    text = "".join(char for char in str(name)[:64] if char.isprintable())
    return "***" if is_masked(text) else text


def iso(moment: datetime) -> str:
    """A time as answers have it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
