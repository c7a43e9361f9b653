"""What the admin API has acknowledged is there whatever becomes of the process, and what it has refused is not."""

import os
import random
import resource
import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import trio
from admin_api import ok, refused
from chat import ask, asked, client_of
from serving import Router, backend, config, open_router

from continuum.testing.upstream import open_upstream

OPEN = {"auth": {"method": "none"}}
LONG = os.environ.get("CONTINUUM_LONG") == "1"  # set by .ci/long
KILLS = 5 if LONG else 3
WRITES = 200 if LONG else 50
"""Before each of them, at the most."""
WRITERS = 3


@dataclass
class Written:
    """One writer's alias: by version what was acknowledged, and what was sent last."""

    alias: str
    acknowledged: dict[int, str] = field(default_factory=dict[int, str])
    sent: int = 0

    @property
    def current(self) -> set[str]:
        """What it can be now: the last that was acknowledged, or the one that was not answered."""
        last = self.acknowledged[max(self.acknowledged)] if self.acknowledged else "0"
        return {last, str(self.sent)}


async def write_until_killed(router: Router, writers: list[Written], after: int) -> None:
    """Each writer sets its alias to the next number, again and again; the process is killed at an acknowledgement."""
    done = 0

    async def write(writer: Written) -> None:
        nonlocal done
        async with client_of(router.url) as client:
            while True:
                writer.sent += 1
                body = {"config": {"aliases": {writer.alias: str(writer.sent)}}}
                try:
                    answer = ok(await client.patch("/admin/config/routing", json=body))
                except httpx.TransportError:
                    return
                assert answer["version"] not in writer.acknowledged
                writer.acknowledged[answer["version"]] = str(writer.sent)
                done += 1
                if done == after:
                    os.kill(router.pid, signal.SIGKILL)

    async with trio.open_nursery() as nursery:
        for writer in writers:
            nursery.start_soon(write, writer)
    await router.exited()


async def every_version(client: httpx.AsyncClient) -> list[int]:
    numbers: list[int] = []
    while True:
        page = ok(await client.get("/admin/config/history", params={"limit": 100, "offset": len(numbers)}))
        numbers += [each["version"] for each in page["history"]]
        if len(numbers) >= page["total_entries"]:
            return numbers


@pytest.mark.slow
async def test_killed_between_writes_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """And numbers neither skip nor repeat, and the last value is in force, each time it was killed."""
    configuration = config(admin={**OPEN, "max_history_entries": 10_000})
    writers = [Written(f"w{number}") for number in range(WRITERS)]
    for _ in range(KILLS):
        async with open_router(tmp_path, configuration) as router:
            await everything_is_there(router, writers)
            await write_until_killed(router, writers, random.randint(1, WRITES))  # noqa: S311 - no secret
    async with open_router(tmp_path, configuration) as router:
        await everything_is_there(router, writers)


async def everything_is_there(router: Router, writers: list[Written]) -> None:
    acknowledged = [version for writer in writers for version in writer.acknowledged]
    async with client_of(router.url) as client:
        numbers = await every_version(client)
        assert numbers == list(range(len(numbers), 0, -1))
        assert len(set(acknowledged)) == len(acknowledged)
        assert set(acknowledged) <= set(numbers)
        now = ok(await client.get("/admin/config/routing"))["config"]["aliases"]
        for writer in writers:
            assert now.get(writer.alias, "0") in writer.current
            for version in sorted(writer.acknowledged)[-10:]:
                kept = ok(await client.get(f"/admin/config/history/{version}"))
                assert kept["config"]["routing"]["aliases"][writer.alias] == writer.acknowledged[version]


@contextmanager
def no_more_room(router: Router, file: Path, bytes_left: int) -> Generator[None]:
    """For as long as the block lasts no file of the process grows beyond what this one has, and a little."""
    before = resource.prlimit(router.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(router.pid, resource.RLIMIT_FSIZE, (file.stat().st_size + bytes_left, before[1]))
    try:
        yield
    finally:
        resource.prlimit(router.pid, resource.RLIMIT_FSIZE, before)


def log_of(home: Path) -> Path:
    (log,) = home.rglob("versions.log")
    return log


async def attempts(client: httpx.AsyncClient, value: int) -> httpx.Response:
    return await client.put("/admin/config/retry", json={"config": {"max_attempts": value}})


async def in_force(client: httpx.AsyncClient) -> tuple[int, int]:
    """The current version, and what it says."""
    version = ok(await client.get("/admin/config/history"))["current_version"]
    return version, ok(await client.get("/admin/config/retry"))["config"]["max_attempts"]


async def test_on_a_full_disk_the_old_value_stays_and_calls_are_answered(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        configuration = config(backend(upstream.url), admin=OPEN)
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            assert ok(await attempts(client, 4))["version"] == 2
            log = log_of(tmp_path)
            whole = log.read_bytes()
            for left in (0, 1, 200):  # bytes that are written before the disk is full
                with no_more_room(router, log, left):
                    refused(await attempts(client, 5), 500, "INTERNAL_ERROR")
                    assert await in_force(client) == (2, 4)
                    assert (await ask(client, asked())).is_whole()
                    assert (await ask(client, asked(stream=True))).is_whole()
                assert log.read_bytes() == whole
            assert ok(await attempts(client, 6))["version"] == 3
            assert "Traceback" not in router.stderr
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            assert await in_force(client) == (3, 6)


async def test_a_folder_that_takes_nothing(tmp_path: Path) -> None:
    """From the start, and later on. A file stands in its place: that stops root, too."""
    state = tmp_path / "state"
    state.write_text("")
    async with open_upstream() as upstream:
        configuration = config(backend(upstream.url), admin=OPEN, storage={"dir": str(state)})
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            assert "cannot be written down" in router.stderr
            refused(await attempts(client, 4), 500, "INTERNAL_ERROR")
            assert await in_force(client) == (1, 3)
            state.unlink()
            assert ok(await attempts(client, 5))["version"] == 2
            folder = log_of(tmp_path).parent
            aside = folder.rename(tmp_path / "aside")
            folder.write_text("")
            refused(await attempts(client, 6), 500, "INTERNAL_ERROR")
            assert await in_force(client) == (2, 5)
            assert (await ask(client, asked())).is_whole()
            folder.unlink()
            aside.rename(folder)
            assert ok(await attempts(client, 7))["version"] == 3
            assert "Traceback" not in router.stderr
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            assert await every_version(client) == [3, 2, 1]
            assert await in_force(client) == (3, 7)
