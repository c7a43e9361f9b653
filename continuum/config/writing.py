"""The one way in which a change is made: judge whole, compare, build what is new beside what is old, write the version
down, swap, tell. Failure leaves all as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import trio

from continuum.config.in_force import InForce
from continuum.config.ledger import Deed, Ledger
from continuum.config.model import Config
from continuum.config.subscription import News
from continuum.config.version import Version
from continuum.config.view import ADMIN_SECTIONS
from continuum.errors import ConfigLocked

if TYPE_CHECKING:
    from continuum.config.given import Given
    from continuum.config.history import History
    from continuum.config.in_force import Built
    from continuum.config.judge import Candidate, Judge
    from continuum.config.sections.backends import BackendConfig
    from continuum.config.version import VersionSource
    from continuum.errors import ConfigProblem

__all__ = ["FILE_CHANGED", "By", "Committed", "Writer"]

FILE_CHANGED = "Configuration file changed"


class By(NamedTuple):
    """Whose doing a version is. peer: the address it was asked from, where there is one."""

    source: VersionSource
    user: str
    description: str | None
    peer: str = ""


_BY_THE_FILE = By("file_reload", "system", FILE_CHANGED)


@dataclass(frozen=True, slots=True)
class Committed:
    """What came of a commit.

    version: the one in force now. changed: whether it is a new one. applied: whether all that was written is at work
    as stored; else a warning tells each key that waits for a restart. A warning's key is in full (`server.workers`).
    """

    version: Version
    changed: bool
    applied: bool
    warnings: tuple[ConfigProblem, ...]


class Writer:
    """The versions, what is at work, and who is told. Nothing here waits in line: one caller at a time."""

    def __init__(self, judge: Judge, history: History, at_start: Deed | None) -> None:
        self.judge = judge
        self.history = history
        self.in_force = InForce(judge.in_force(history.current.stored))
        self.news = News(lambda: history.current)
        self.ledger = Ledger(at_start)

    def whole(self) -> Config:
        """The current version's configuration, with what stands beside the versions as it is at work."""
        work = self.in_force.config
        beside = {name: getattr(work, name) for name in Config.model_fields if name not in ADMIN_SECTIONS}
        return self.history.current.config.model_copy(update=beside)

    async def hold(self) -> None:
        """Be the process that writes. Raises ConfigLocked, InternalError."""
        if not self.history.held and await trio.to_thread.run_sync(self.history.hold):
            await self._catch_up()

    async def may_write(self) -> bool:
        """The same: whether this process is it now."""
        try:
            await self.hold()
        except ConfigLocked:
            return False
        return True

    async def follow(self) -> None:
        """Do what another process has written down, if it has."""
        if await trio.to_thread.run_sync(self.history.stale):
            await self._catch_up()

    async def lend(self, backend: BackendConfig) -> None:
        """Have a backend at work that no version knows of. Raises ConfigError."""
        config = self.judge.in_force(self.history.current.stored)
        self._swap(await self.in_force.build(config, lend=backend))

    async def take(self, given: Given) -> Committed | None:
        """What has changed in the file, also beside the sections. None where nothing has. Raises ConfigError,
        InternalError.
        """
        judge, history = self.judge, self.history
        changes = given.changes(history.file)
        if not changes and given.root == judge.root:
            return None
        before, old = (judge.root, history.file), self.whole()
        judge.root, history.file = given.root, given.digests
        try:
            found = judge.judge(history.current, changes, given.document)
            done = await self.commit(found, _BY_THE_FILE)
            if not done.changed:
                self._swap(await self.in_force.build(found.in_force))
                if old != self.whole():
                    await self._enter(_BY_THE_FILE, old)
        except BaseException:
            judge.root, history.file = before
            raise
        return done

    async def commit(self, found: Candidate, by: By) -> Committed:
        """A version of what was judged, unless it changes nothing. Durable and in force on return. Raises ConfigError,
        InternalError.
        """
        applied = not found.pending
        if not found.sections_changed:
            return Committed(self.history.current, changed=False, applied=applied, warnings=found.warnings)
        version = Version(
            self.history.current.number + 1,
            datetime.now(UTC),
            by.source,
            by.user,
            by.description,
            found.sections_changed,
            found.stored,
            self.history.file,
            self.judge.alone,
        )
        old = self.whole()
        built = await self.in_force.build(found.in_force)
        try:
            await self.history.add(version, found.in_force.admin.max_history_entries)
        except BaseException:
            built.discard()
            raise
        self._swap(built)
        await self._enter(by, old, found.sections_changed)
        return Committed(version, changed=True, applied=applied, warnings=found.warnings)

    async def _catch_up(self) -> None:
        history = self.history
        before, kept = history.current, history.snapshot()
        try:
            await trio.to_thread.run_sync(history.read)
            if history.current.number == before.number and history.current.stored == before.stored:
                return
            built = await self.in_force.build(self.judge.in_force(history.current.stored))
        except BaseException:
            history.restore(kept)
            raise
        self._swap(built)

    def _swap(self, built: Built) -> None:
        self.in_force.swap(built)
        self.news.tell()

    async def _enter(self, by: By, old: Config, sections: tuple[str, ...] = ()) -> None:
        deed = Deed(self.history.current.number, by.source, by.user, by.peer, sections, old, self.whole())
        await self.ledger.enter(deed)
