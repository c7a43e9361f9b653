"""The configuration in force and how it came to be, for everybody: who wants to change it stands in line here
(`writing` says what is done then).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from continuum.config.edit import Base, adopted
from continuum.config.in_force import Change, Prepare
from continuum.config.judge import Candidate, Judge
from continuum.config.model import SECTIONS, Config
from continuum.config.overlay import merge
from continuum.config.subscription import Subscription
from continuum.config.telling import Teller
from continuum.config.version import Version, VersionSource, empty
from continuum.config.view import ADMIN_SECTIONS
from continuum.config.writing import By, Committed, Writer
from continuum.config.written import written
from continuum.errors import ConfigError, ConfigProblem, VersionConflict, VersionNotFound

if TYPE_CHECKING:
    from continuum.config.given import Given
    from continuum.config.history import History
    from continuum.config.ledger import Deed, Witness
    from continuum.config.sections.backends import BackendConfig

__all__ = ["Candidate", "Change", "Committed", "ConfigManager", "ConfigStore", "Prepare", "Subscription", "Version"]

_FROM_THE_START = "cannot be set here: it is taken from the configuration file, or from what the router was made of"


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
        self._teller = Teller()
        judge.started_with = self.current.config
        self._writer = Writer(judge, history, at_start)
        self._in_force = self._writer.in_force
        self._news = self._writer.news
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
    def file_is_good(self) -> bool:
        """Whether the file as it is now is in force, as far as it was read."""
        return self._teller.content

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
                await self._writer.hold()
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
        return self._writer.whole().model_copy(deep=True)

    async def set_config(self, config: Config) -> Committed:
        """Make this the configuration: judged whole, a version of source `api` and user `library`, in force on
        return. What equals the one in force makes no version; a value that the file takes from a variable stays
        that reference where it is unchanged.

        Raises ConfigError with every fault, also for what is no part of versions (acp, cors, storage, …) and differs;
        else as `commit` does. Whatever is raised, all is as it was.
        """
        plain = written(config)
        async with self._writing:
            await self._writer.hold()
            now = self.current
            if faults := [*_misplaced(config, plain, self._writer.whole())]:
                raise ConfigError(faults)
            base = Base(now.stored, now.config)
            changes = {name: adopted(base, name, plain.get(name, empty(name))).data for name in ADMIN_SECTIONS}
            by = By("api", "library", "Configuration set by the host program")
            return await self._writer.commit(self.judge(changes), by)

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
        self._writer.ledger.tell_to(witness)

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
            await self._writer.hold()
            if if_match is not None and if_match != self.current.number:
                raise VersionConflict(self.current.number)
            return await self._writer.commit(self.judge(changes), By(source, user, description, peer))

    async def lend(self, backend: BackendConfig) -> None:
        """Have a backend in the place of the one of its name, or as one more, whatever is committed: until the process
        ends, and no version knows of it. In force on return. Raises ConfigError for what cannot be built.
        """
        async with self._writing:
            await self._writer.lend(backend)

    async def reload(self) -> Committed | None:
        """Read the file again: of the sections whose text has changed there a version is made. None where there is
        nothing new, or where another process does it. A faulty file changes nothing: its faults are logged, and raised
        as ConfigError. Raises InternalError, too.
        """
        async with self._writing:
            with self._teller.telling():
                return await self._reload() if await self._writer.may_write() else None

    async def follow(self) -> None:
        """Where another process writes: do as it did, and take over when it has ended. Faults as of `reload`."""
        if self._history.held:
            return
        async with self._writing:
            with self._teller.telling():
                if await self._writer.may_write():
                    await self._reload()
                else:
                    await self._writer.follow()

    def close(self) -> None:
        """End subscriptions, and let others write."""
        self._history.release()
        self._news.close()

    async def _reload(self) -> Committed | None:
        if self._source is None:
            return None
        root, given = self._judge.root, await trio.to_thread.run_sync(self._source.again)
        done = await self._writer.take(given)
        if done is not None:
            self._teller.taken(given, root, done.warnings, done.version if done.changed else None)
        return done


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
