"""The configuration in force and how it came to be: the one way in which anything changes it.

Judge whole, compare, build what is new beside what is old, write the version down, swap. Failure leaves all as it was.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import trio

from continuum.config.edit import Base, adopted
from continuum.config.in_force import Built, Change, InForce, Prepare
from continuum.config.judge import Candidate, Judge
from continuum.config.ledger import Deed, Ledger, Witness
from continuum.config.model import SECTIONS, Config
from continuum.config.overlay import merge
from continuum.config.subscription import News, Subscription
from continuum.config.telling import Teller
from continuum.config.version import Version, VersionSource, empty
from continuum.config.view import ADMIN_SECTIONS
from continuum.config.written import written
from continuum.errors import ConfigError, ConfigLocked, ConfigProblem, VersionConflict, VersionNotFound

if TYPE_CHECKING:
    from continuum.config.given import Given
    from continuum.config.history import History
    from continuum.config.sections.backends import BackendConfig

__all__ = ["Candidate", "Change", "Committed", "ConfigManager", "ConfigStore", "Prepare", "Subscription", "Version"]

FILE_CHANGED = "Configuration file changed"

_FROM_THE_START = "cannot be set here: it is taken from the configuration file, or from what the router was made of"


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


class _By(NamedTuple):
    """Whose doing a version is."""

    source: VersionSource
    user: str
    description: str | None
    peer: str = ""


class ConfigStore:
    """Holds the configuration of one process and its versions, in a file or in memory (config.opening makes it).

    For host programs: `get_config`, `set_config`, `subscribe`.
    """

    def __init__(
        self, judge: Judge, history: History, *, source: Given | None = None, at_start: Deed | None = None
    ) -> None:
        """source: the file, where it may be read again. at_start: what its reading has changed."""
        self._judge = judge
        self._history = history
        self._source = source
        self._beside: Path | None = None
        self._writing = trio.Lock()
        self._news = News(lambda: self.current)
        self._teller = Teller()
        self._ledger = Ledger(at_start)
        judge.started_with = self.current.config
        self._in_force = InForce(judge.in_force(self.current.stored))
        self.hot_reload_enabled = source is not None and self.running.hot_reload.enabled

    @property
    def running(self) -> Config:
        """The configuration the process started with."""
        return self._in_force.running

    @property
    def config(self) -> Config:
        """What the process works with now: the current version, what the command line and variables lay over it, and
        the restart-only sections of the start. Replaced whole; not to be changed in place.
        """
        return self._in_force.config

    @property
    def current(self) -> Version:
        """The version in force."""
        return self._history.current

    @property
    def file(self) -> Path | None:
        """The file that is read again, where there is one."""
        return None if self._source is None else self._source.file

    @property
    def beside(self) -> Path:
        """Where what is named relative to the configuration lies: beside the file, else where the process works."""
        if self._beside is not None:
            return self._beside
        return Path() if self._source is None else self._source.file.parent

    def move_beside(self, folder: Path) -> None:
        """Have what is named relative to the configuration in this folder instead. For the start."""
        self._beside = folder

    @property
    def held(self) -> bool:
        """Whether this process is the one that writes versions."""
        return self._history.held

    @property
    def folder(self) -> Path | None:
        """Where versions are kept, and what goes with them; None where they live in memory."""
        return self._history.folder

    @asynccontextmanager
    async def alone(self, *, holding: bool = False) -> AsyncGenerator[None]:
        """Nothing else changes the configuration meanwhile in this process; holding: nor in any other, else
        ConfigLocked is raised, or InternalError where nothing can be written.
        """
        async with self._writing:
            if holding:
                await self._hold()
            yield

    def history(self) -> Sequence[Version]:
        """The versions that are kept, newest first; at most `admin.max_history_entries`."""
        return self._history.newest_first(self.config.admin.max_history_entries)

    def version(self, number: int) -> Version:
        """One that is kept. Raises VersionNotFound."""
        for version in self.history():
            if version.number == number:
                return version
        raise VersionNotFound(number)

    async def get_config(self) -> Config:
        """The current version's configuration, and what stands beside the versions as it is at work; a copy free to
        change.
        """
        return self._whole().model_copy(deep=True)

    async def set_config(self, config: Config) -> Committed:
        """Make this the configuration: judged whole, a version of source `api` and user `library`, in force on
        return. What equals the one in force makes no version; a value that the file takes from a variable stays
        that reference where it is unchanged.

        Raises ConfigError with every fault, also for what is no part of versions (acp, cors, storage, …) and differs;
        else as `commit` does. Whatever is raised, all is as it was.
        """
        plain = written(config)
        async with self._writing:
            await self._hold()
            now = self.current
            if faults := [*_misplaced(config, plain, self._whole())]:
                raise ConfigError(faults)
            base = Base(now.stored, now.config)
            changes = {name: adopted(base, name, plain.get(name, empty(name))).data for name in ADMIN_SECTIONS}
            by = _By("api", "library", "Configuration set by the host program")
            return await self._commit(self.judge(changes), by)

    def subscribe(self) -> Subscription[Config]:
        """Each configuration committed after this call, by anybody, a copy free to change; a slow reader sees the
        latest only. Ends with the store.
        """
        return self._news.subscribe(lambda version: version.config.model_copy(deep=True))

    def changes(self) -> Subscription[Version]:
        """The same as versions, which are not copies."""
        return self._news.subscribe(lambda version: version)

    async def next_change(self, number: int) -> Version | None:
        """The current version once it is not the one of that number any more; None once the store is closed."""
        return await self._news.after(number)

    def judge(self, changes: Mapping[str, Any]) -> Candidate:
        """What replacing these sections, each whole and in stored form, would come to. Pure. Raises ConfigError with
        every fault, each with its key in full.
        """
        return self._judge.judge(self.current, changes)

    def prepare_with(self, prepare: Prepare) -> None:
        """Let this build what a new configuration needs, before it is written down. Raises ConfigError where somebody
        does so already.
        """
        if self._in_force.attended:
            raise ConfigError([ConfigProblem("this ConfigStore belongs to another router: give each router its own")])
        self._in_force.prepare_with(prepare)

    def tell_to(self, witness: Witness) -> None:
        """Have this witness told of each change, before whoever asked for it is answered; also of what the file had
        changed at the start. Blocks: for the start.
        """
        self._ledger.tell_to(witness)

    def lay_over(self, layer: Mapping[str, Any]) -> None:
        """Lay values over whatever configuration comes from anywhere, until the process ends; no version knows of
        them. They win over what was laid over before. For the start: nothing that runs is told. Raises ConfigError
        with every fault, and then all is as it was.
        """
        before = self._judge.overlay
        self._judge.overlay = merge(before, layer)
        try:
            running = self._judge.in_force(self.current.stored)
        except ConfigError:
            self._judge.overlay = before
            raise
        self._in_force.restart(running)
        if self._source is not None:
            self._source = replace(self._source, overlay=self._judge.overlay)
        self.hot_reload_enabled = self._source is not None and running.hot_reload.enabled

    async def commit(
        self,
        changes: Mapping[str, Any],
        *,
        source: VersionSource,
        user: str,
        description: str | None = None,
        peer: str = "",
        if_match: int | None = None,
    ) -> Committed:
        """Replace these sections, each whole and in stored form. A write that changes nothing makes no version. peer:
        the address that asks for it.

        Durable and in force on return. Raises ConfigError with every fault; VersionConflict when `if_match` is not
        the current version; ConfigLocked while another process writes; InternalError when it cannot be written down.
        Whatever is raised, all is as it was.
        """
        async with self._writing:
            await self._hold()
            if if_match is not None and if_match != self.current.number:
                raise VersionConflict(self.current.number)
            return await self._commit(self.judge(changes), _By(source, user, description, peer))

    async def lend(self, backend: BackendConfig) -> None:
        """Have a backend in the place of the one of its name, or as one more, whatever is committed: until the process
        ends, and no version knows of it. In force on return. Raises ConfigError for what cannot be built.
        """
        async with self._writing:
            self._swap(await self._in_force.build(self._judge.in_force(self.current.stored), lend=backend))

    async def reload(self) -> Committed | None:
        """Read the file again: of the sections whose text has changed there a version is made. None where there is
        nothing new, or where another process does it. A faulty file changes nothing: its faults are logged, and raised
        as ConfigError. Raises InternalError, too.
        """
        async with self._writing:
            with self._teller.telling():
                return await self._reload() if await self._may_write() else None

    async def follow(self) -> None:
        """Where another process writes: do as it did, and take over when it has ended. Faults as of `reload`."""
        if self._history.held:
            return
        async with self._writing:
            with self._teller.telling():
                if await self._may_write():
                    await self._reload()
                elif await trio.to_thread.run_sync(self._history.stale):
                    await self._catch_up()

    def close(self) -> None:
        """End subscriptions, and let others write."""
        self._history.release()
        self._news.close()

    async def _reload(self) -> Committed | None:
        if self._source is None:
            return None
        given = await trio.to_thread.run_sync(self._source.again)
        changes = given.changes(self._history.file)
        if not changes and given.root == self._judge.root:
            return None
        before, old = (self._judge.root, self._history.file), self._whole()
        self._judge.root, self._history.file = given.root, given.digests
        try:
            found = self._judge.judge(self.current, changes, given.document)
            by = _By("file_reload", "system", FILE_CHANGED)
            done = await self._commit(found, by)
            if not done.changed:  # but perhaps what stands beside the sections
                self._swap(await self._in_force.build(found.in_force))
                if old != self._whole():
                    await self._enter(by, old)
        except BaseException:
            self._judge.root, self._history.file = before
            raise
        self._teller.taken(given, before[0], done.warnings, done.version if done.changed else None)
        return done

    async def _commit(self, found: Candidate, by: _By) -> Committed:
        applied = not found.pending
        if not found.sections_changed:
            return Committed(self.current, changed=False, applied=applied, warnings=found.warnings)
        version = Version(
            self.current.number + 1,
            datetime.now(UTC),
            by.source,
            by.user,
            by.description,
            found.sections_changed,
            found.stored,
            self._history.file,
            self._judge.alone,
        )
        old = self._whole()
        built = await self._in_force.build(found.in_force)
        try:
            await self._history.add(version, found.in_force.admin.max_history_entries)
        except BaseException:
            built.discard()
            raise
        self._swap(built)
        await self._enter(by, old, found.sections_changed)
        return Committed(version, changed=True, applied=applied, warnings=found.warnings)

    async def _hold(self) -> None:
        """Be the one that writes. Raises ConfigLocked, InternalError."""
        if not self._history.held and await trio.to_thread.run_sync(self._history.hold):
            await self._catch_up()

    async def _may_write(self) -> bool:
        try:
            await self._hold()
        except ConfigLocked:
            return False
        return True

    async def _catch_up(self) -> None:
        """Do what another process has written down."""
        before, kept = self.current, self._history.snapshot()
        try:
            await trio.to_thread.run_sync(self._history.read)
            if self.current.number == before.number and self.current.stored == before.stored:
                return
            built = await self._in_force.build(self._judge.in_force(self.current.stored))
        except BaseException:
            self._history.restore(kept)
            raise
        self._swap(built)

    def _swap(self, built: Built) -> None:
        self._in_force.swap(built)
        self._news.tell()

    async def _enter(self, by: _By, old: Config, sections: tuple[str, ...] = ()) -> None:
        deed = Deed(self.current.number, by.source, by.user, by.peer, sections, old, self._whole())
        await self._ledger.enter(deed)

    def _whole(self) -> Config:
        """The current version's configuration, with what stands beside the versions as it is at work."""
        beside = {name: getattr(self.config, name) for name in Config.model_fields if name not in ADMIN_SECTIONS}
        return self.current.config.model_copy(update=beside)


ConfigManager = ConfigStore
"""Its name in the reference API."""


def _misplaced(config: Config, plain: Mapping[str, Any], now: Config) -> Iterator[ConfigProblem]:
    """What a version cannot hold: keys that are no part of it and differ, sections that are none."""
    for name, said in plain.items():
        if name not in ADMIN_SECTIONS:
            if getattr(config, name) != getattr(now, name):
                yield ConfigProblem(_FROM_THE_START, name)
        elif not isinstance(said, type(empty(name))):
            yield ConfigProblem(f"must be a {'list' if SECTIONS[name].many else 'section'}", name)
