"""Stores of client keys: every kind does as a dict does, and what was acknowledged outlives a kill."""

import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
import trio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from stores import Unfit, killed

from continuum.storage.fault import StorageFault
from continuum.storage.keys import KeyRow, Keys
from continuum.storage.memory import MemoryKeys
from continuum.storage.sqlite_keys import SqliteKeys

T = TypeVar("T")

IDENTS = st.sampled_from(["a", "b", "c", "élan"])
TIMES = st.one_of(st.none(), st.integers(0, 2**53))


def digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


def now(work: Callable[[], Awaitable[T]]) -> T:
    return trio.run(work)


class LikeADict(RuleBasedStateMachine):
    """One process that changes keys, and one that looks now and then; the first may end and come back."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "deep" / "keys.db"
        self.ours: Keys = SqliteKeys(self.path)
        self.other = SqliteKeys(self.path)
        self.memory = MemoryKeys()
        self.model: dict[str, KeyRow] = {}
        self.seen: list[KeyRow] = []
        self.number = 0

    @rule(ident=IDENTS, record=st.binary(max_size=5), earlier=st.booleans(), until=TIMES, used=TIMES)
    def put(self, ident: str, record: bytes, until: int | None, used: int | None, *, earlier: bool) -> None:
        self.number += 2
        row = KeyRow(ident, digest(self.number), digest(self.number + 1) if earlier else None, until, used, record)
        self.model[ident] = row
        for store in (self.ours, self.memory):
            now(lambda store=store: store.put(row))  # type: ignore[misc]

    @rule(ident=IDENTS)
    def delete(self, ident: str) -> None:
        there = self.model.pop(ident, None) is not None
        for store in (self.ours, self.memory):
            assert now(lambda store=store: store.delete(ident)) is there  # type: ignore[misc]

    @rule(uses=st.dictionaries(IDENTS, st.integers(0, 2**53)))
    def note_uses(self, uses: dict[str, int]) -> None:
        for ident, used in uses.items():
            if ident in self.model:
                row = self.model[ident]
                self.model[ident] = row._replace(used=max(row.used or 0, used))
        for store in (self.ours, self.memory):
            now(lambda store=store: store.note_uses(uses))  # type: ignore[misc]

    @rule()
    def come_back(self) -> None:
        self.ours.close()
        self.ours = SqliteKeys(self.path)
        assert list(now(self.ours.load)) == list(self.model.values())

    @precondition(lambda self: self.path.exists())
    @rule()
    def look(self) -> None:
        before = self.seen
        stale = now(self.other.stale)
        self.seen = list(now(self.other.load))
        assert self.seen == list(self.model.values())
        assert not now(self.other.stale)
        if not stale:
            assert [row._replace(used=None) for row in before] == [row._replace(used=None) for row in self.seen]

    @invariant()
    def all_agree(self) -> None:
        assert list(now(self.memory.load)) == list(self.model.values())
        assert list(now(self.ours.load)) == list(self.model.values())
        assert not now(self.ours.stale), "its own changes are no news to it"

    def teardown(self) -> None:
        self.ours.close()
        self.other.close()
        self.folder.cleanup()


TestLikeADict = LikeADict.TestCase
TestLikeADict.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)


async def test_nothing_is_left_behind_where_no_key_is_made(tmp_path: Path) -> None:
    store = SqliteKeys(tmp_path / "state" / "keys.db")
    assert await store.load() == []
    assert not await store.stale()
    await store.note_uses({"a": 1})
    store.close()
    assert not (tmp_path / "state").exists()


async def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    store = SqliteKeys(tmp_path / "state" / "keys.db")
    await store.put(KeyRow("a", digest(1), None, None, None, b"{}"))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "state").iterdir()}
    store.close()
    assert modes.pop("keys.db") == 0o600
    assert set(modes.values()) <= {0o600}


WRITER = """
import sys, trio
from pathlib import Path
from continuum.storage.keys import KeyRow
from continuum.storage.sqlite_keys import SqliteKeys

async def main():
    store = SqliteKeys(Path(sys.argv[1]))
    for number in range(10_000):
        await store.put(KeyRow(f"k{number % 7}", number.to_bytes(32, "big"), None, None, None, b"%d" % number))
        if number % 5 == 4:
            await store.delete(f"k{number % 7}")
        print(number, flush=True)

trio.run(main)
"""


async def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    def after(number: int) -> dict[str, bytes]:
        kept: dict[str, bytes] = {}
        for each in range(number + 1):
            kept[f"k{each % 7}"] = b"%d" % each
            if each % 5 == 4:
                del kept[f"k{each % 7}"]
        return kept

    path = tmp_path / "k.db"
    last = await trio.to_thread.run_sync(killed, WRITER, path, 60)
    store = SqliteKeys(path)
    found = {row.id: row.record for row in await store.load()}
    store.close()
    begun = {**after(last), f"k{(last + 1) % 7}": b"%d" % (last + 1)}
    assert found in (after(last), begun, after(last + 1))


async def test_a_file_that_cannot_serve_is_left_as_it_is(unfit: Unfit) -> None:
    store = SqliteKeys(unfit.path)
    with pytest.raises(StorageFault, match=unfit.told) as caught:
        await store.load()
    assert str(unfit.path.parent) not in str(caught.value)
    with pytest.raises(StorageFault, match=unfit.told):
        await store.put(KeyRow("a", digest(1), None, None, None, b"{}"))
    store.close()
