"""The sessions of one connection: those in memory, and the store behind them."""

from __future__ import annotations

import logging
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from continuum.errors import ConfigError, ConfigProblem
from continuum.storage.fault import StorageFault
from continuum.storage.folder import state_folder
from continuum.storage.memory import MemorySessions
from continuum.storage.sessions import SessionRow
from continuum.storage.sqlite import SqliteSessions

from . import archive
from .jsonrpc import INTERNAL_ERROR, INVALID_PARAMS, NOT_FOUND, JsonObject, RpcError
from .keeping import is_ident, restored, row_of, timestamp
from .session import Session

if TYPE_CHECKING:
    from continuum.config import Config
    from continuum.storage.sessions import Sessions

    from .host import Host
    from .session import Settings

__all__ = ["Places", "SessionTable", "open_sessions"]

_log: Final = logging.getLogger("continuum.acp")

FILE: Final = "acp-sessions.db"
_PAGE: Final = 50
_REMEMBERED: Final = 1000  # sessions asleep that a prompt can wake without session/load
_LOOK_EVERY: Final = 60.0  # seconds between two looks at which sessions are idle


class Places(NamedTuple):
    """What a client says of a session whenever it opens one: absolute paths, and servers as its params list them."""

    cwd: str
    additional_directories: Sequence[str] = ()
    mcp_servers: Sequence[JsonObject] = ()


@asynccontextmanager
async def open_sessions(
    host: Host, settings: Settings, config: Config, *, lasting: bool = True
) -> AsyncGenerator[SessionTable]:
    """The table, over the store that the configuration asks for; leaving ends what sessions started and writes what
    is to be kept. lasting: False for sessions that nobody will come back to. ConfigError: there is no such store.
    """
    async with (
        _open_store(config, config.acp.sessions.storage if lasting else "memory") as store,
        trio.open_nursery() as nursery,
    ):
        table = SessionTable(host, settings, store, nursery)
        nursery.start_soon(table.put_to_sleep, float(config.acp.sessions.idle_timeout))
        yield table
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _open_store(config: Config, kind: str) -> AsyncGenerator[Sessions]:
    if kind == "redis":
        rule = "redis is not supported yet: use sqlite or memory"
        raise ConfigError([ConfigProblem(rule, "acp.sessions.storage")])
    if kind == "memory":
        yield MemorySessions()
        return
    async with AsyncExitStack() as stack:
        store: Sessions = MemorySessions()
        try:
            file = state_folder(config.storage.dir, os.environ) / FILE
            store = await stack.enter_async_context(SqliteSessions.open(file))
        except StorageFault as fault:  # an agent that forgets is better than none
            _log.error("sessions are kept in memory only: %s", fault)
        yield store


class SessionTable:
    """The sessions that were opened here, the least recently used first. At most max_concurrent are awake."""

    def __init__(self, host: Host, settings: Settings, store: Sessions, nursery: trio.Nursery) -> None:
        """nursery: where what a session starts (MCP servers) is run; it outlives every session."""
        self.host = host
        self.settings = settings
        self._store = store
        self._nursery = nursery
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    @property
    def awake(self) -> list[Session]:
        """Those whose history is in memory."""
        return [session for session in self._sessions.values() if not session.asleep]

    def open(self, places: Places, ident: str | None = None) -> Session:
        """A new session, of this id where one is given. RpcError: as many as may be are busy."""
        session = self._make(ident or _new_ident(), places)
        self._admit(session)
        self._store.post(row_of(session))
        return session

    def find(self, ident: str) -> Session | None:
        """The session of that id if it was opened here; it now counts as used."""
        session = self._sessions.get(ident)
        if session is not None:
            self._sessions.move_to_end(ident)
            session.used_at = trio.current_time()
        return session

    async def load(self, ident: str, places: Places) -> tuple[Session, list[archive.Turn]]:
        """The session of that id from wherever it is, open in these places, and its turns so far. One in which a turn
        runs stays where it is. RpcError -32002: there is none.
        """
        row, turns = await self._stored(ident)
        session = self.find(ident)
        if session is None:
            if row is None:
                raise _unknown(ident)
            session = self._make(ident, places)
            restored(session, row)
            session.history = archive.history_of(turns)
            self._admit(session)
        elif not session.prompts:
            session = self._moved(session, places)
            await self.wake(session)
        return session, turns

    async def wake(self, session: Session) -> None:
        """Have the session's history here. RpcError: as many as may be are busy, or the store cannot be read."""
        if session.asleep:
            _, turns = await self._stored(session.id)
            self._admit(session)
            session.history = archive.history_of(turns)
            session.asleep = False

    async def fork(self, ident: str, places: Places) -> Session:
        """A new session that begins as the other one stands. RpcError -32002: there is none."""
        row, turns = await self._stored(ident)
        original = self.find(ident)
        if original is not None:
            row = row_of(original)
        if row is None:
            raise _unknown(ident)
        session = self._make(_new_ident(), places)
        restored(session, row)
        session.history = archive.history_of(turns)
        self._admit(session)
        with _told("The session cannot be stored"):
            await self._store.copy(ident, row_of(session))
        return session

    async def page(self, cwd: str | None, cursor: str | None) -> tuple[list[SessionRow], str | None]:
        """Stored sessions, the last updated first, and the next page's cursor. RpcError -32602: no cursor of ours."""
        with _told("Sessions cannot be read"):
            rows = await self._store.page(cwd=cwd, after=_position(cursor), limit=_PAGE + 1)
        return rows[:_PAGE], _cursor(rows[_PAGE - 1]) if len(rows) > _PAGE else None

    def close(self, ident: str) -> None:
        """The session leaves memory; what runs in it is cancelled. RpcError -32002: it is not open."""
        session = self._sessions.pop(ident, None)
        if session is None:
            raise _unknown(ident)
        session.end()

    async def delete(self, ident: str) -> None:
        """Forget the session, here and in the store; no fault where there is none."""
        session = self._sessions.pop(ident, None)
        if session is not None:
            session.end()
        if is_ident(ident):
            with _told("The session cannot be deleted"):
                await self._store.delete(ident)

    def keep(self, session: Session, turn: archive.Turn | None = None) -> None:
        """Store the session as it stands, and a turn if it holds anything; done soon, also if nobody waits."""
        if self._sessions.get(session.id) is not session:
            return  # closed or deleted meanwhile: what was cut off then does not bring it back
        turns = [archive.encode(turn)] if turn is not None and (turn.messages or turn.updates) else []
        self._store.post(row_of(session), turns)

    async def kept(self) -> None:
        """Wait until what `keep` was told is durable."""
        with suppress(StorageFault):  # the store has logged it: the turn itself is no worse for it
            await self._store.settle()

    async def put_to_sleep(self, idle_timeout: float) -> None:
        """Take sessions that nobody used for so long out of memory. Never returns."""
        while True:
            await trio.sleep(min(idle_timeout, _LOOK_EVERY))
            for session in [each for each in self._sessions.values() if not (each.asleep or each.prompts)]:
                if session.used_at + idle_timeout <= trio.current_time():
                    self._sleep(session)

    def _make(self, ident: str, places: Places) -> Session:
        return Session(ident, places.cwd, self.host, self.settings, self._nursery, *places[1:])

    def _admit(self, session: Session) -> None:
        """Take the session among those awake; at the limit the one idle for longest goes to sleep for it."""
        others = [each for each in self._sessions.values() if not each.asleep and each is not session]
        if len(others) >= self.settings.max_concurrent:
            idle = next((each for each in others if not each.prompts), None)
            if idle is None:
                raise RpcError(INTERNAL_ERROR, f"All {len(others)} sessions are busy (acp.sessions.max_concurrent)")
            self._sleep(idle)
        self._sessions[session.id] = session

    def _sleep(self, session: Session) -> None:
        """What serves the session ends; in its place stands one that knows what the user chose, and no history."""
        session.end()
        self._sessions[session.id] = _anew(session, asleep=True)
        asleep = [each for each in self._sessions.values() if each.asleep]
        for each in asleep[:-_REMEMBERED]:
            del self._sessions[each.id]

    def _moved(self, session: Session, places: Places) -> Session:
        """The idle session in these places; the same one where they are its own already."""
        if places == (session.cwd, session.additional_directories, session.mcp_servers):
            return session
        session.end()
        moved = _anew(session, asleep=session.asleep)
        moved.cwd, moved.additional_directories, moved.mcp_servers = places
        self._sessions[session.id] = moved
        return moved

    async def _stored(self, ident: str) -> tuple[SessionRow | None, list[archive.Turn]]:
        if not is_ident(ident):
            return None, []
        with _told("The session cannot be read"):
            found = await self._store.load(ident)
            return (found[0], [archive.decode(turn) for turn in found[1]]) if found else (None, [])


def _new_ident() -> str:
    return f"sess_{secrets.token_hex(16)}"


def _anew(session: Session, *, asleep: bool) -> Session:
    """The session without anything that serves it."""
    made = Session(session.id, session.cwd, session.host, session.settings, session.nursery)
    made.additional_directories, made.mcp_servers = session.additional_directories, session.mcp_servers
    made.mode, made.chosen_model, made.thought_level = session.mode, session.chosen_model, session.thought_level
    made.title, made.cost, made.asleep = session.title, session.cost, asleep
    if not asleep:
        made.history = session.history
    return made


def _unknown(ident: str) -> RpcError:
    return RpcError(NOT_FOUND, "Resource not found: no such session", {"sessionId": ident[:256]})


@contextmanager
def _told(what: str) -> Generator[None]:
    """Tell the client of a fault of the store."""
    try:
        yield
    except (StorageFault, ValueError) as fault:
        raise RpcError(INTERNAL_ERROR, f"{what}: {fault}") from fault


def _cursor(row: SessionRow) -> str:
    return urlsafe_b64encode(f"{row.updated}:{row.id}".encode()).decode("ascii")


def _position(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    try:
        updated, _, ident = urlsafe_b64decode(cursor.encode("ascii")).decode("ascii").partition(":")
        timestamp(int(updated))  # a number that is no time is not one of ours
        return int(updated), ident
    except (ValueError, OverflowError, OSError) as error:
        raise RpcError(INVALID_PARAMS, "Invalid params: cursor: not one that session/list gave") from error
