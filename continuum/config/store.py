"""The configuration in force and how it came to be: the one way in which anything changes it.

Judge whole, compare, build what is new beside what is old, write the version down, swap. Failure leaves all as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

import trio

from continuum.config.judge import RESTART_ONLY, Candidate, Judge
from continuum.config.version import Version, VersionSource
from continuum.errors import ConfigError, ConfigLocked, InternalError, VersionConflict, VersionNotFound

if TYPE_CHECKING:
    from pathlib import Path

    from continuum.config.given import Given
    from continuum.config.history import History
    from continuum.config.model import Config
    from continuum.config.sections.backends import BackendConfig
    from continuum.errors import ConfigProblem

__all__ = ["Candidate", "Change", "Committed", "ConfigStore", "Prepare", "Subscription", "Version"]

_log = logging.getLogger("continuum.config")

FILE_CHANGED = "Configuration file changed"

T = TypeVar("T")


class Change(Protocol):
    """What was built beside the old for a new configuration."""

    def swap(self) -> None:
        """Put it in force. Cannot fail."""
        ...

    def discard(self) -> None:
        """It was not wanted after all."""
        ...


Prepare = Callable[["Config", "Config"], Change]
"""(in force, to be in force) -> what is built for it; in a thread, and without the network. Raises ConfigError."""


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


class ConfigStore:
    """Holds the configuration of one process and its versions, in a file or in memory (config.opening makes it).

    running: the configuration the process started with. config: what it works with now: the current version, what the
    command line and variables lay over it, and the restart-only sections of the start. None is to be changed in place.
    """

    def __init__(self, judge: Judge, history: History, *, source: Given | None = None) -> None:
        """source: the file, where it may be read again."""
        self._judge = judge
        self._history = history
        self._source = source
        self._prepare: Prepare | None = None
        self._writing = trio.Lock()
        self._changed = trio.Event()
        self._closed = False
        self._told = ""
        self._lent: dict[str, BackendConfig] = {}
        judge.started_with = self.current.config
        self.running: Config = judge.in_force(self.current.stored)
        self.config: Config = self.running
        self.hot_reload_enabled = source is not None and self.running.hot_reload.enabled

    @property
    def current(self) -> Version:
        """The version in force."""
        return self._history.current

    @property
    def file(self) -> Path | None:
        """The file that is read again, where there is one."""
        return None if self._source is None else self._source.file

    @property
    def held(self) -> bool:
        """Whether this process is the one that writes versions."""
        return self._history.held

    def history(self) -> Sequence[Version]:
        """The versions that are kept, newest first; at most `admin.max_history_entries`."""
        return self._history.newest_first(self.current.config.admin.max_history_entries)

    def version(self, number: int) -> Version:
        """One that is kept. Raises VersionNotFound."""
        for version in self.history():
            if version.number == number:
                return version
        raise VersionNotFound(number)

    def judge(self, changes: Mapping[str, Any]) -> Candidate:
        """What replacing these sections, each whole and in stored form, would come to. Pure. Raises ConfigError with
        every fault, each with its key in full.
        """
        return self._judge.judge(self.current, changes)

    def prepare_with(self, prepare: Prepare) -> None:
        """Let this build what a new configuration needs, before it is written down."""
        self._prepare = prepare

    async def commit(
        self,
        changes: Mapping[str, Any],
        *,
        source: VersionSource,
        user: str,
        description: str | None = None,
        if_match: int | None = None,
    ) -> Committed:
        """Replace these sections, each whole and in stored form. A write that changes nothing makes no version.

        Durable and in force on return. Raises ConfigError with every fault; VersionConflict when `if_match` is not
        the current version; ConfigLocked while another process writes; InternalError when it cannot be written down.
        Whatever is raised, all is as it was.
        """
        async with self._writing:
            await self._hold()
            if if_match is not None and if_match != self.current.number:
                raise VersionConflict(self.current.number)
            return await self._commit(self.judge(changes), source, user, description)

    async def lend(self, backend: BackendConfig) -> None:
        """Have a backend in the place of the one of its name, or as one more, whatever is committed: until the process
        ends, and no version knows of it. In force on return. Raises ConfigError for what cannot be built.
        """
        async with self._writing:
            before = self._lent
            self._lent = {**before, backend.name: backend}
            try:
                config = self._effective(self._judge.in_force(self.current.stored))
                change = await self._build(config)
            except BaseException:
                self._lent = before
                raise
            self._swap(config, change)

    async def reload(self) -> Committed | None:
        """Read the file again: of the sections whose text has changed there a version is made. None where there is
        nothing new, or where another process does it. A faulty file changes nothing: its faults are logged, and raised
        as ConfigError. Raises InternalError, too.
        """
        async with self._writing:
            try:
                await self._hold()
                return await self._reload()
            except ConfigLocked:
                return None
            except ConfigError as fault:
                self._tell_once("; ".join(map(str, fault.problems)))
                raise
            except InternalError as fault:
                self._tell_once(fault.message)
                raise

    async def follow(self) -> None:
        """Where another process writes: do as it did, and take over when it has ended."""
        if self._history.held:
            return
        async with self._writing:
            try:
                await self._hold()
                await self._reload()
            except ConfigLocked:
                if await trio.to_thread.run_sync(self._history.stale):
                    await self._catch_up()

    async def _reload(self) -> Committed | None:
        if self._source is None:
            return None
        given = await trio.to_thread.run_sync(self._source.again)
        changes = given.changes(self._history.file)
        if not changes and given.root == self._judge.root:
            self._told = ""
            return None
        before = self._judge.root, self._history.file
        self._judge.root, self._history.file = given.root, given.digests
        try:
            found = self._judge.judge(self.current, changes, given.document)
            done = await self._commit(found, "file_reload", "system", FILE_CHANGED)
            if not done.changed:  # but perhaps what stands beside the sections
                config = self._effective(found.in_force)
                self._swap(config, await self._build(config))
        except BaseException:
            self._judge.root, self._history.file = before
            raise
        for name in given.root_changes(before[0]):
            if name in RESTART_ONLY:
                _log.warning("%s: %s takes effect after a restart", given.file, name)
        self._told = ""
        for warning in done.warnings:
            _log.warning("%s", warning)
        if done.changed:
            sections = ", ".join(done.version.sections_changed)
            _log.info("the configuration file has changed: version %d (%s)", done.version.number, sections)
        return done

    async def _commit(self, found: Candidate, source: VersionSource, user: str, description: str | None) -> Committed:
        applied = not found.pending
        if not found.sections_changed:
            return Committed(self.current, changed=False, applied=applied, warnings=found.warnings)
        version = Version(
            self.current.number + 1,
            datetime.now(UTC),
            source,
            user,
            description,
            found.sections_changed,
            found.stored,
            self._history.file,
            self._judge.alone,
        )
        config = self._effective(found.in_force)
        change = await self._build(config)
        try:
            await self._history.add(version, config.admin.max_history_entries)
        except BaseException:
            if change is not None:
                change.discard()
            raise
        self._swap(config, change)
        return Committed(version, changed=True, applied=applied, warnings=found.warnings)

    async def _hold(self) -> None:
        """Be the one that writes. Raises ConfigLocked, InternalError."""
        if not self._history.held and await trio.to_thread.run_sync(self._history.hold):
            await self._catch_up()

    async def _catch_up(self) -> None:
        """Do what another process has written down."""
        before, kept = self.current, self._history.snapshot()
        try:
            await trio.to_thread.run_sync(self._history.read)
            if self.current.number == before.number and self.current.stored == before.stored:
                return
            config = self._effective(self._judge.in_force(self.current.stored))
            change = await self._build(config)
        except BaseException:
            self._history.restore(kept)
            raise
        self._swap(config, change)

    async def _build(self, config: Config) -> Change | None:
        if self._prepare is None:
            return None
        return await trio.to_thread.run_sync(self._prepare, self.config, config)

    def _swap(self, config: Config, change: Change | None) -> None:
        self.config = config
        if change is not None:
            change.swap()
        self._tell()

    def _effective(self, config: Config) -> Config:
        """What only a restart changes is as it was at the start, what is lent stands over the rest."""
        given = {each.name: each for each in config.backends}
        update: dict[str, Any] = {name: getattr(self.running, name) for name in RESTART_ONLY}
        return config.model_copy(update={**update, "backends": list({**given, **self._lent}.values())})

    def _tell_once(self, words: str) -> None:
        if words != self._told:
            _log.error("the configuration in force stays as it is: %s", words)
        self._told = words

    def subscribe(self) -> Subscription[Config]:
        """Each configuration committed after this call, by anybody, a copy free to change; a slow reader sees the
        latest only. Ends with the store.
        """
        return Subscription(self, lambda version: version.config.model_copy(deep=True))

    def changes(self) -> Subscription[Version]:
        """The same as versions, which are not copies."""
        return Subscription(self, lambda version: version)

    async def next_change(self, number: int) -> Version | None:
        """The current version once it is not the one of that number any more; None once the store is closed."""
        while self.current.number == number and not self._closed:
            await self._changed.wait()
        return None if self._closed else self.current

    def close(self) -> None:
        """End subscriptions, and let others write."""
        self._closed = True
        self._history.release()
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class Subscription(Generic[T]):
    """An async iterator over what is committed from its making on."""

    def __init__(self, store: ConfigStore, show: Callable[[Version], T]) -> None:
        self._store = store
        self._show = show
        self._seen = store.current.number

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        version = await self._store.next_change(self._seen)
        if version is None:
            raise StopAsyncIteration
        self._seen = version.number
        return self._show(version)
