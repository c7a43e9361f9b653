"""Stores of sessions: every kind behaves alike, and what was settled outlives a kill."""

import sqlite3
import stat
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import PATIENCE_S
from stores import Unfit, killed

from continuum.storage.fault import StorageFault
from continuum.storage.folder import state_folder
from continuum.storage.memory import MemorySessions
from continuum.storage.sessions import SessionRow, Sessions
from continuum.storage.sqlite import SqliteSessions


def row(ident: str, updated: int = 1, cwd: str = "/a") -> SessionRow:
    return SessionRow(ident, cwd, f"title of {ident}", updated, b"{}")


IDENTS = st.sampled_from("abcd")
POST = st.tuples(st.just("post"), IDENTS, st.integers(1, 9), st.sampled_from(["/a", "/b"]), st.integers(0, 2))
OTHERS = st.one_of(
    st.tuples(st.just("delete"), IDENTS),
    st.tuples(st.just("copy"), IDENTS, st.integers(10, 15)),
    st.tuples(st.just("load"), IDENTS),
    st.tuples(st.just("page"), st.sampled_from([None, "/a", "/b"]), st.integers(1, 3)),
)


async def _pages(store: Sessions, cwd: str | None, limit: int) -> list[str]:
    """All pages one after the other."""
    found: list[str] = []
    after = None
    while rows := await store.page(cwd=cwd, after=after, limit=limit):
        assert len(rows) <= limit
        found += [each.id for each in rows]
        after = (rows[-1].updated, rows[-1].id)
    return found


async def _apply(store: Sessions, operations: Sequence[tuple[object, ...]]) -> list[object]:
    told: list[object] = []
    newest: dict[object, int] = {}
    for place, operation in enumerate(operations):
        match operation:
            case ("post", str(ident), int(updated), str(cwd), int(count)):
                newest[ident] = max(updated, newest.get(ident, 0))  # a session's time only goes on
                store.post(row(ident, newest[ident], cwd), [f"{place}.{number}".encode() for number in range(count)])
            case ("delete", str(ident)):
                newest.pop(ident, None)
                told.append(await store.delete(ident))
            case ("copy", str(ident), int(updated)):
                told.append(await store.copy(ident, row(f"copy-{place}", updated)))
            case ("load", str(ident)):
                told.append(await store.load(ident))
            case ("page", cwd, int(limit)):
                told.append(await _pages(store, cwd if isinstance(cwd, str) else None, limit))
            case _:
                raise AssertionError(operation)
    await store.settle()
    told.append([await store.load(ident) for ident in await _pages(store, None, 2)])
    return told


@settings(max_examples=40)
@given(st.lists(st.one_of(POST, OTHERS), max_size=12))
def test_sqlite_does_as_memory_does(operations: list[tuple[object, ...]]) -> None:
    async def both(folder: Path) -> None:
        expected = await _apply(MemorySessions(), operations)
        async with SqliteSessions.open(folder / "deep" / "s.db") as store:
            assert await _apply(store, operations) == expected
        async with SqliteSessions.open(folder / "deep" / "s.db") as store:
            assert [await store.load(ident) for ident in await _pages(store, None, 2)] == expected[-1]

    with TemporaryDirectory() as folder:
        trio.run(both, Path(folder))


async def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    async with SqliteSessions.open(tmp_path / "state" / "s.db") as store:
        store.post(row("a"), [b"x"])
        await store.settle()
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "state").iterdir()}
    assert modes.pop("s.db") == 0o600
    assert set(modes.values()) <= {0o600}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


async def test_what_is_posted_is_written_even_if_the_end_comes_at_once(tmp_path: Path) -> None:
    async with SqliteSessions.open(tmp_path / "s.db") as store:
        store.post(row("a"), [b"x"])
    with trio.CancelScope() as scope:
        async with SqliteSessions.open(tmp_path / "s.db") as store:
            store.post(row("b"), [b"y"])
            scope.cancel()
            await trio.lowlevel.checkpoint()
    async with SqliteSessions.open(tmp_path / "s.db") as store:
        assert await _pages(store, None, 9) == ["b", "a"]


async def test_two_processes_share_a_file(tmp_path: Path) -> None:
    def opened() -> AbstractAsyncContextManager[SqliteSessions]:
        return SqliteSessions.open(tmp_path / "s.db")

    async with opened() as one, opened() as other:
        for number in range(20):
            one.post(row("shared"), [b"one %d" % number])
            other.post(row("shared"), [b"other %d" % number])
        await one.settle()
        await other.settle()
        found = await one.load("shared")
    assert found is not None
    assert sorted(found[1]) == sorted(b"%s %d" % (who, number) for who in (b"one", b"other") for number in range(20))
    assert [turn for turn in found[1] if turn.startswith(b"one")] == [b"one %d" % number for number in range(20)]


WRITER = """
import sys, trio
from pathlib import Path
from continuum.storage.sessions import SessionRow
from continuum.storage.sqlite import SqliteSessions

async def main():
    async with SqliteSessions.open(Path(sys.argv[1])) as store:
        for number in range(10_000):
            store.post(SessionRow("a", "/", None, number, b"{}"), [b"%d" % number])
            if number % 3 == 0:
                await store.settle()
                print(number, flush=True)

trio.run(main)
"""


async def test_what_was_settled_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    settled = await trio.to_thread.run_sync(killed, WRITER, path, 40)
    async with SqliteSessions.open(path) as store:
        found = await store.load("a")
    assert found is not None
    numbers = [int(turn) for turn in found[1]]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > settled


async def test_a_file_that_cannot_serve_is_left_as_it_is(unfit: Unfit) -> None:
    with pytest.raises(StorageFault, match=unfit.told):
        async with SqliteSessions.open(unfit.path):
            pass


async def test_a_fault_is_its_own_jobs_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with SqliteSessions.open(tmp_path / "s.db") as store:
        store.post(row("a"), [b"x"])
        store.post(row("b", cwd="/\ud800"), [b"y"])
        store.post(row("c"), [b"z"])
        await store.settle()
        assert await _pages(store, None, 9) == ["c", "a"]
        with pytest.raises(StorageFault):
            await store.load("\ud800")
    assert "a session was not stored: text that is not Unicode" in caplog.text


async def test_a_database_that_another_process_holds_is_a_fault_after_a_while(tmp_path: Path) -> None:
    async with SqliteSessions.open(tmp_path / "s.db") as store:
        other = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with trio.fail_after(PATIENCE_S), pytest.raises(StorageFault, match="locked"):
            await store.copy("a", row("b"))
        other.close()
        assert not await store.copy("a", row("b"))


def test_the_folder() -> None:
    assert state_folder("/x", {"XDG_STATE_HOME": "/y"}) == Path("/x")
    assert state_folder(None, {"XDG_STATE_HOME": "/y", "HOME": "/h"}) == Path("/y/continuum")
    assert state_folder(None, {"XDG_STATE_HOME": "relative", "HOME": "/h"}) == Path("/h/.local/state/continuum")
