"""Who may call: the keys of the configuration and its file, and those that are made, changed and rotated meanwhile.

Every change is stored before it counts, and counts from the next request on. The process that writes the
configuration's versions is the one that changes keys; others follow it.
"""

from __future__ import annotations

import logging
import secrets
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import trio

from continuum.config import client_keys
from continuum.core import Access, KeyTable
from continuum.errors import ConfigError, InternalError, KeyConfigured, KeyExists, KeyNotFound
from continuum.runtime.made_key import MadeKey, new_secret
from continuum.storage.fault import StorageFault
from continuum.storage.memory import MemoryKeys
from continuum.storage.sqlite_keys import SqliteKeys

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from continuum.config import ApiKey, Config, ConfigStore
    from continuum.config.sections.api_keys import KeyTerms
    from continuum.core import Entry
    from continuum.storage.keys import KeyRow, Keys

__all__ = ["Keyring", "Source", "make_keyring"]

_log = logging.getLogger("continuum.keys")

Source = Literal["config", "file", "storage"]
"""The section, the file it names, or a store."""

_FILE: Final = "keys.db"
_NOTE_USES_EVERY: Final = 60.0  # seconds


class Keyring:
    """access: what callers are let in by."""

    def __init__(self, config: ConfigStore, store: Keys) -> None:
        self.access = Access()
        self._made: dict[str, MadeKey] = {}
        self._filed: frozenset[str] = frozenset()
        self._config = config
        self._store = store
        self._used: dict[str, float] = {}
        self._unread = True
        self._told = ""

    @property
    def made(self) -> Mapping[str, MadeKey]:
        """Those made here, by id, in the order of their making."""
        return self._made

    @property
    def configured(self) -> Mapping[str, ApiKey]:
        """The keys of the configuration and its file, by id."""
        return self.access.configured.by_id

    def source(self, ident: str) -> Source:
        """Where a key stands."""
        if ident in self._made:
            return "storage"
        return "file" if ident in self._filed else "config"

    def last_used(self, ident: str) -> float | None:
        """Seconds since the epoch; None where it is not known to have been used."""
        return self.access.uses.get(ident) or self._used.get(ident)

    def prepare(self, config: Config, *, again: bool = False) -> Callable[[], None]:
        """What puts a configuration's keys in force. Reads its file; blocks. Raises ConfigError."""
        section = config.api_keys
        keys = client_keys(section, made=self._made, again=again)
        table, filed = KeyTable(keys), frozenset(key.known_as for key in keys[len(section.api_keys) :])

        def put_in_force() -> None:
            self._filed = filed
            self.access.retune(table, needed=section.mode == "blocking")

        return put_in_force

    async def add(self, terms: KeyTerms, ident: str | None = None) -> tuple[MadeKey, str]:
        """A new key, and the key itself, which is nowhere else. Raises KeyExists, ConfigLocked, InternalError."""
        async with self._writing():
            if ident is None:
                ident = self._free_id()
            elif self._is_taken(ident):
                raise KeyExists(ident)
            secret = new_secret()
            key = MadeKey.of(ident, terms, secret)
            await self._put(key)
        return key, secret

    async def change(self, ident: str, change: Callable[[MadeKey], MadeKey]) -> tuple[MadeKey, MadeKey]:
        """Before and after; nothing is written where `change` gives its argument back. Raises what `change` does, and
        KeyNotFound, KeyConfigured, ConfigLocked, InternalError.
        """
        async with self._writing():
            before = self.find(ident)
            after = change(before)
            if after is not before:
                await self._put(after, before)
        return before, after

    async def remove(self, ident: str, check: Callable[[MadeKey], None]) -> MadeKey:
        """What it was. Raises what `check` does, and as `change`."""
        async with self._writing():
            key = self.find(ident)
            check(key)
            await self._store.delete(ident)
            del self._made[ident]
            self._replace(key.entries(), ())
            self._used.pop(ident, None)
            self.access.uses.pop(ident, None)
        return key

    def find(self, ident: str) -> MadeKey:
        """A key that can be changed. Raises KeyNotFound, KeyConfigured."""
        if ident in self._made:
            return self._made[ident]
        if ident in self.configured:
            raise KeyConfigured(ident, self.source(ident))
        raise KeyNotFound(ident)

    def _free_id(self) -> str:
        while self._is_taken(ident := f"key-{secrets.token_hex(6)}"):
            pass
        return ident

    def _is_taken(self, ident: str) -> bool:
        return ident in self._made or ident in self.configured

    async def reread(self) -> None:
        """Read the configuration's file of keys again. A faulty one changes nothing and is told in the log."""
        async with self._config.alone():
            before = self.configured
            try:
                put_in_force = await trio.to_thread.run_sync(partial(self.prepare, self._config.config, again=True))
            except ConfigError as fault:
                self._tell_once(f"the client keys in force stay as they are: {'; '.join(map(str, fault.problems))}")
                return
            put_in_force()
        self._told = ""
        if self.configured != before:
            _log.info("the file of client keys has changed: %d configured", len(self.configured))

    async def follow(self) -> None:
        """Do as another process has done with the keys."""
        async with self._config.alone():
            with suppress(StorageFault):  # told
                await self._catch_up()

    async def keep_uses(self) -> None:
        """Store now and then when keys were used. Lives until cancelled."""
        while True:
            await trio.sleep(_NOTE_USES_EVERY)
            await self.note_uses()

    async def note_uses(self) -> None:
        """Store when keys were used."""
        async with self._config.alone():
            recent, self.access.uses = self.access.uses, {}
            self._used |= recent
            uses = {ident: round(used * 1000) for ident, used in recent.items() if ident in self._made}
            if not uses or not self._config.held:
                return
            try:
                await self._store.note_uses(uses)
            except StorageFault as fault:
                self.access.uses = {**recent, **self.access.uses}  # until the next time
                _log.warning("when keys were used could not be stored: %s", fault)

    def close(self) -> None:
        """Let go of what is stored."""
        self._store.close()

    @asynccontextmanager
    async def _writing(self) -> AsyncGenerator[None]:
        """Alone, and with what is stored known. Raises ConfigLocked, InternalError."""
        async with self._config.alone(holding=True):
            try:
                await self._catch_up()
                yield
            except StorageFault as fault:
                raise InternalError(f"client keys cannot be written down: {fault}") from None

    async def _catch_up(self) -> None:
        """Raises StorageFault, told in the log."""
        try:
            if self._unread or await self._store.stale():
                rows = await self._store.load()
                self._made, self.access.made, used = await trio.to_thread.run_sync(_read, rows)
                self._used = {ident: max(used.get(ident, 0), self._used.get(ident, 0)) for ident in used | self._used}
                self._unread = False
        except StorageFault as fault:
            self._tell_once(f"client keys made over the admin API cannot be read: {fault}")
            raise

    async def _put(self, key: MadeKey, before: MadeKey | None = None) -> None:
        await self._store.put(key.row(self.last_used(key.id)))
        self._made[key.id] = key
        self._replace(() if before is None else before.entries(), key.entries())

    def _replace(self, old: Sequence[Entry], new: Sequence[Entry]) -> None:
        for entry in old:
            self.access.made.pop(entry.digest, None)
        self.access.made.update((entry.digest, entry) for entry in new)

    def _tell_once(self, words: str) -> None:
        if words != self._told:
            _log.error("%s", words)
        self._told = words


def _read(rows: Sequence[KeyRow]) -> tuple[dict[str, MadeKey], dict[bytes, Entry], dict[str, float]]:
    """Keys by id, what opens to them by digest, and when they were used."""
    made: dict[str, MadeKey] = {}
    for row in rows:
        try:
            made[row.id] = MadeKey.from_row(row)
        except ValueError:
            _log.warning("a stored client key cannot be read and is left out: %s", row.id)
    opening = {entry.digest: entry for key in made.values() for entry in key.entries()}
    return made, opening, {row.id: row.used / 1000 for row in rows if row.used is not None}


async def make_keyring(config: ConfigStore) -> Keyring:
    """The keys beside the versions of a configuration, in force. What keeps stored ones from being read is told in the
    log, and they open nothing then. Raises ConfigError for keys of the configuration that cannot be used.
    """
    folder = config.folder
    keyring = Keyring(config, MemoryKeys() if folder is None else SqliteKeys(folder / _FILE))
    try:
        await keyring.follow()
        put_in_force = await trio.to_thread.run_sync(keyring.prepare, config.config)
    except BaseException:
        keyring.close()
        raise
    put_in_force()
    return keyring
