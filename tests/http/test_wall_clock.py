"""The wall clock leaps by hours, forth and back, while the real process serves: what is timed goes by another clock,
what is a date by this one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from admin_api import ok
from chat import CHAT, TEXT, Received, ask, asked, client_of
from patience import PATIENCE_S
from serving import Router, backend, config, open_router

from continuum.testing.upstream import FAULTS, Answer, Plain, Stream, Upstream, Wait, open_upstream, openai

HOURS = 3600
FORTH, BACK = 5 * HOURS, -5 * HOURS
OFF = Path(__file__).parents[1] / "support" / "wall_clock"
HEALTH = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
OPEN = {"auth": {"method": "none"}}
FREE = {"authorization": "Bearer sk-free-4711"}
COUNTED = {"authorization": "Bearer sk-counted-4711"}


class WallClock:
    """What a router takes for the time of day."""

    def __init__(self, home: Path) -> None:
        self._file = home / "off"
        self.environ = {"PYTHONPATH": str(OFF), "WALL_CLOCK_OFF": str(self._file)}
        self.leap(0)

    def leap(self, off: int) -> None:
        """From now on it is off by so many seconds."""
        beside = self._file.with_suffix(".new")
        beside.write_text(str(off), encoding="ascii")
        beside.replace(self._file)


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    with trio.fail_after(PATIENCE_S):
        while not await holds():
            await trio.lowlevel.checkpoint()


class Rig:
    """One router before one upstream, with a model for each thing that is timed: `long-…` takes an hour, `short-…` a
    moment.
    """

    def __init__(self, router: Router, client: httpx.AsyncClient, upstream: Upstream) -> None:
        self.router, self.client, self.upstream = router, client, upstream

    async def call(self, model: str, headers: Mapping[str, str] = FREE) -> tuple[int, str | None]:
        received = await ask(self.client, asked(model), headers)
        return received.status, None if received.status == 200 else received.error["code"]

    async def passes(self, model: str, headers: Mapping[str, str] = FREE) -> bool:
        return (await self.call(model, headers))[0] == 200

    async def fails(self, model: str) -> None:
        """Its backend is left in peace from now on."""
        self.upstream.push(FAILURES[model])
        assert not await self.passes(model)

    async def connect(self, sent: bytes) -> trio.SocketStream:
        stream = await trio.open_tcp_stream("127.0.0.1", int(self.router.url.rpartition(":")[2]))
        await stream.send_all(sent)
        return stream

    def last_logged(self) -> datetime:
        """When, by its own account, the router said last of a request that it was made."""
        line = [line for line in self.router.stderr.splitlines() if CHAT in line][-1]
        return datetime.fromisoformat(line.split()[0])


def busy_for(seconds: int) -> Plain:
    return Plain(openai.error("No."), 429, (("retry-after", str(seconds)),))


FAILURES: Mapping[str, Answer] = {
    "long-circuit": FAULTS["status-500"].answer,
    "long-rest": busy_for(HOURS),
    "short-circuit": FAULTS["status-500"].answer,
    "short-rest": busy_for(1),
}


def configuration(upstream: str, watched: str, rarely: str) -> dict[str, Any]:
    models = (*FAILURES, "test-model")
    return config(
        *(backend(upstream, model, models=[model], health_check={"enabled": False}) for model in models),
        backend(watched, "watched", models=(), health_check={"interval": "200ms"}),
        backend(rarely, "rarely", models=["rarely"]),
        admin=OPEN,
        health_checks={"interval": "1h", "warmup_check_interval": "1h"},
        cache={"model_list_ttl": "200ms"},
        circuit_breaker={
            "failure_threshold": 1,
            "timeout_seconds": "1h",
            "backends": {"short-circuit": {"timeout_seconds": "1s"}},
        },
        retry={"max_attempts": 1, "max_retry_after": "2h"},
        server={"header_timeout": "1h", "keep_alive_timeout": "1s"},
        rate_limiting={
            "enabled": True,
            "bypass_keys": ["free"],
            "limits": {
                "per_client": {"requests_per_second": 0.001, "burst_capacity": 1},
                "per_api_key": {"requests_per_second": 0.5, "burst_capacity": 1},
            },
        },
        api_keys={"api_keys": [{"key": "sk-free-4711", "id": "free"}, {"key": "sk-counted-4711", "id": "counted"}]},
        logging={"level": "debug"},
    )


async def test_nothing_that_is_timed_ends_early_or_stays_for_ever(tmp_path: Path, clock: WallClock) -> None:
    gate, begun = trio.Event(), trio.Event()
    streamed: list[Received] = []
    async with (
        open_upstream() as upstream,
        open_upstream() as watched,
        open_upstream() as rarely,
        open_router(tmp_path, configuration(upstream.url, watched.url, rarely.url), **clock.environ) as router,
        client_of(router.url, limits=httpx.Limits(max_keepalive_connections=0)) as client,
        trio.open_nursery() as nursery,
    ):
        rig = Rig(router, client, upstream)

        async def stream() -> None:
            streamed.append(await ask(client, asked(stream=True), FREE, begun=begun))

        upstream.push(Stream((TEXT[:4], Wait(gate), TEXT[4:])))
        nursery.start_soon(stream)
        await begun.wait()
        half = await rig.connect(HEALTH[:20])
        await rig.fails("long-circuit")
        await rig.fails("long-rest")
        assert await rig.passes("test-model", {}), "who shows no key has one in a thousand seconds"
        await trio.to_thread.run_sync(router.wait_for_line, "rarely is healthy")
        looks = len(rarely.looks)

        for off in (FORTH, BACK, 0):
            await rig.fails("short-circuit")
            await rig.fails("short-rest")
            await until(partial(rig.passes, "test-model", COUNTED))
            idle = await rig.connect(HEALTH)
            assert (await idle.receive_some(2**16)).startswith(b"HTTP/1.1 200 ")

            clock.leap(off)
            assert await rig.call("long-circuit") == (503, "circuit_open")
            assert (await rig.call("long-rest"))[0] == (await rig.call("test-model", {}))[0] == 429
            await until(partial(rig.passes, "short-circuit"))
            await until(partial(rig.passes, "short-rest"))
            await until(partial(rig.passes, "test-model", COUNTED))
            with trio.fail_after(PATIENCE_S):
                while await idle.receive_some(2**16):
                    pass
                for _ in range(5):
                    await watched.next_look()
            await idle.aclose()
            assert len(rarely.looks) == looks
            assert abs(rig.last_logged() - datetime.now(UTC) - timedelta(seconds=off)) < timedelta(hours=1), "it leapt"

        gate.set()
        await half.send_all(HEALTH[20:])
        assert (await half.receive_some(2**16)).startswith(b"HTTP/1.1 200 ")
        await half.aclose()
    assert streamed[0].is_whole()
    assert "Traceback" not in router.stderr


async def test_versions_stay_in_their_order_and_numbers_go_on(tmp_path: Path, clock: WallClock) -> None:
    async def change(client: httpx.AsyncClient, off: int) -> int:
        clock.leap(off)
        number: int = ok(await client.patch("/admin/config/retry", json={"config": {"max_attempts": off % 7 + 1}}))[
            "version"
        ]
        return number

    async def history(client: httpx.AsyncClient) -> list[tuple[int, datetime]]:
        entries = ok(await client.get("/admin/config/history"))["history"]
        return [(each["version"], datetime.fromisoformat(each["timestamp"])) for each in entries]

    async with open_router(tmp_path, config(admin=OPEN), **clock.environ) as router, client_of(router.url) as client:
        assert [await change(client, off) for off in (FORTH, BACK, 0)] == [2, 3, 4]
        before = await history(client)
        assert [number for number, _ in before] == [4, 3, 2, 1]
        times = dict(before)
        assert times[3] < times[1] <= times[4] < times[2]
        assert ok(await client.post("/admin/config/rollback/2"))["new_version"] == 5
        assert ok(await client.get("/admin/config/retry"))["config"]["max_attempts"] == FORTH % 7 + 1
    clock.leap(2 * BACK)
    async with open_router(tmp_path, config(admin=OPEN), **clock.environ) as router, client_of(router.url) as client:
        assert (await history(client))[1:] == before
        assert await change(client, 3 * BACK) == 6


async def test_keys_end_by_the_date_whenever_it_is(tmp_path: Path, clock: WallClock) -> None:
    async with open_upstream() as upstream:
        settings = config(backend(upstream.url), admin=OPEN, api_keys={"mode": "blocking"})
        async with open_router(tmp_path, settings, **clock.environ) as router, client_of(router.url) as client:

            async def status(secret: str) -> int:
                return (await ask(client, asked(), {"authorization": f"Bearer {secret}"})).status

            ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
            ending = ok(await client.post("/admin/keys", json={"id": "ending", "expires_at": ends}))["secret"]
            old = ok(await client.post("/admin/keys", json={"id": "rotated"}))["secret"]
            new = ok(await client.post("/admin/keys/rotated/rotate", json={"grace": "1h"}))["secret"]
            for off, open_ in ((0, 200), (FORTH, 401), (BACK, 200), (FORTH, 401), (0, 200)):
                clock.leap(off)
                assert (await status(ending), await status(old), await status(new)) == (open_, open_, 200), off
    assert "Traceback" not in router.stderr
