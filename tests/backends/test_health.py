"""Active checks over real sockets: who is probed how, what that makes of a backend, and that traffic never notices."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from raw_server import Peer, raw_server

from continuum.backends.backend import Backend
from continuum.chat import ChatRequest, Message
from continuum.config import from_mapping
from continuum.core import Call
from continuum.errors import NoBackendAvailable
from continuum.metrics.instruments import EJECTIONS
from continuum.runtime import Instance, open_instance
from continuum.testing.upstream import Hang, Plain, Raw, open_upstream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

QUICK = {"interval": "10ms", "warmup_check_interval": "10ms"}
LIST = "/v1/models"


def backend_of(url: str, name: str = "b", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "openai", "url": url, "models": ["m"], **more}


@asynccontextmanager
async def watched(*backends: dict[str, Any], **section: Any) -> AsyncGenerator[Instance]:
    config = from_mapping({"backends": list(backends), "health_checks": {**QUICK, **section}})
    async with open_instance(config) as instance:
        yield instance


async def call(instance: Instance) -> str:
    request = Call.of_chat(ChatRequest("m", [Message.of_text("user", "hi")]), request_id="test")
    async with await instance.engine.open(request) as reply:
        async for _ in reply:
            pass
        return reply.backend


async def until(backend: Backend, state: str) -> None:
    while backend.health.state != state:
        await backend.availability.next_change()


async def test_a_failing_backend_is_left_out_and_taken_back() -> None:
    async with (
        open_upstream() as ill,
        open_upstream() as good,
        watched(backend_of(ill.url, "ill"), backend_of(good.url, "good")) as instance,
    ):
        backend = instance.pool.backends[0]
        await until(backend, "healthy")
        ill.pages[LIST] = Plain({}, 500)
        await until(backend, "unhealthy")
        assert instance.pool.meter.counts(EJECTIONS) == {("ill", "unhealthy"): 1}
        assert {await call(instance) for _ in range(6)} == {"good"}
        del ill.pages[LIST]
        await until(backend, "healthy")
        assert {await call(instance) for _ in range(6)} == {"ill", "good"}


async def test_when_all_are_out_the_caller_is_told_at_once() -> None:
    async with open_upstream() as upstream:
        upstream.pages[LIST] = Plain({}, 500)
        async with watched(backend_of(upstream.url), interval="1h") as instance:
            await until(instance.pool.backends[0], "unhealthy")
            with pytest.raises(NoBackendAvailable) as caught:
                await call(instance)
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 2 * 3600
    assert upstream.calls == []


async def test_a_backend_that_was_never_there_is_not_waited_for() -> None:
    """A call that waits for one goes on elsewhere as soon as its first check has failed."""
    asked, checked_in_vain = trio.Event(), trio.Event()

    async def silent(peer: Peer) -> None:
        if (await peer.request()).startswith(b"POST"):
            asked.set()
            await peer.until_left()
        await checked_in_vain.wait()

    async with raw_server(silent) as server, open_upstream() as good:
        backends = [backend_of(f"http://127.0.0.1:{server.origin.port}", "silent"), backend_of(good.url, "good")]
        async with watched(*backends, interval="1h", timeout="1h") as instance, trio.open_nursery() as nursery:
            answered_by: list[str] = []

            async def ask() -> None:
                answered_by.append(await call(instance))

            for _ in backends:  # they take turns
                nursery.start_soon(ask)
            await asked.wait()
            checked_in_vain.set()
    assert answered_by == ["good", "good"]


async def test_one_that_is_out_is_taken_back_as_soon_as_somebody_asks() -> None:
    async with open_upstream() as upstream, open_upstream(listens=False) as other:
        upstream.pages[LIST] = Plain({}, 500)
        async with watched(
            backend_of(upstream.url), backend_of(other.url, "other"), interval="1h", warmup_check_interval="1h"
        ) as instance:
            for backend in instance.pool.backends:
                await until(backend, "unhealthy")
            assert not await instance.look_again()
            with pytest.raises(NoBackendAvailable):
                await call(instance)
            del upstream.pages[LIST]
            assert await instance.look_again()
            assert await call(instance) == "b"
            assert instance.pool.backends[1].health.state == "unhealthy"


async def test_in_panic_health_is_ignored() -> None:
    async with open_upstream() as upstream:
        upstream.pages[LIST] = Plain({}, 500)
        async with watched(backend_of(upstream.url), panic_threshold=0.5) as instance:
            await until(instance.pool.backends[0], "unhealthy")
            assert await call(instance) == "b"


async def test_a_loading_backend_is_asked_often() -> None:
    async with open_upstream() as upstream:
        upstream.pages[LIST] = Plain({"error": {"message": "Loading model"}}, 503)
        async with watched(backend_of(upstream.url), interval="1h") as instance:
            backend = instance.pool.backends[0]
            await until(backend, "warming_up")
            with pytest.raises(NoBackendAvailable):
                await call(instance)
            del upstream.pages[LIST]
            await until(backend, "healthy")
            assert await call(instance) == "b"


async def test_a_hanging_check_keeps_nobody_waiting() -> None:
    """Calls go on over their own connections, and the check fails by its own timeout."""
    async with open_upstream() as upstream:
        upstream.pages[LIST] = Raw((Hang(),))
        async with watched(backend_of(upstream.url), timeout="1h") as instance:
            await upstream.next_look()
            for _ in range(5):
                assert await call(instance) == "b"
    assert len(upstream.looks) == 1
    assert not {look.connection for look in upstream.looks} & {each.connection for each in upstream.calls}


async def test_a_check_that_hangs_too_long_has_failed() -> None:
    async with open_upstream() as upstream:
        upstream.pages[LIST] = Raw((Hang(),))
        async with watched(backend_of(upstream.url), timeout="20ms") as instance:
            await until(instance.pool.backends[0], "unhealthy")


async def test_no_probe_travels_with_traffic() -> None:
    async with open_upstream() as upstream, watched(backend_of(upstream.url)) as instance:
        for _ in range(10):
            await upstream.next_look()
            await call(instance)
    looks, calls = upstream.looks, upstream.calls
    assert len({each.connection for each in calls}) == 1
    assert len({look.connection for look in looks}) == len(looks), "each probe connects anew"
    assert not {look.connection for look in looks} & {each.connection for each in calls}


async def test_a_backend_that_refuses_connections_is_unhealthy_until_it_is_back() -> None:
    async with (
        open_upstream() as upstream,
        trio.open_nursery() as nursery,
        watched(backend_of(upstream.url)) as instance,
    ):
        backend = instance.pool.backends[0]
        await until(backend, "healthy")
        await upstream.go_down()
        await until(backend, "unhealthy")
        await upstream.serve(nursery)
        await until(backend, "healthy")
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("status", [401, 403, 404, 405, 429])
async def test_an_answer_that_says_nothing_of_health_harms_nobody(status: int) -> None:
    async with open_upstream() as upstream:
        upstream.pages[LIST] = Plain({}, status)
        async with watched(backend_of(upstream.url)) as instance:
            for _ in range(8):
                await upstream.next_look()
            assert instance.pool.backends[0].health.state == "unknown"
            assert await call(instance) == "b"


async def test_a_path_that_was_named_must_be_there() -> None:
    async with open_upstream() as upstream:
        own = {"path": "/no/such/path?deep=1"}
        async with watched(backend_of(upstream.url, health_check=own)) as instance:
            await until(instance.pool.backends[0], "unhealthy")
    assert {look.target for look in upstream.looks} == {"/no/such/path?deep=1"}


@pytest.mark.parametrize(
    ("kind", "section", "own", "target"),
    [
        ("openai", {}, {}, "/v1/models"),
        ("vllm", {}, {}, "/health"),
        ("llamacpp", {}, {}, "/health"),
        ("generic", {"endpoint": "/health"}, {}, "/health"),
        ("openai", {"endpoint": "/health"}, {"path": "/v1/models"}, "/v1/models"),
    ],
)
async def test_what_is_probed(kind: str, section: dict[str, Any], own: dict[str, Any], target: str) -> None:
    async with open_upstream() as upstream:
        entry = backend_of(upstream.url, type=kind, health_check=own)
        async with watched(entry, **section) as instance:
            await until(instance.pool.backends[0], "healthy")
    assert target in {look.target for look in upstream.looks}


async def test_backends_may_differ_from_the_section() -> None:
    async with open_upstream() as never, open_upstream() as rare, open_upstream() as often:
        entries = [
            backend_of(never.url, "never", health_check={"enabled": False}),
            backend_of(rare.url, "rare", health_check={"interval": "1h"}),
            backend_of(often.url, "often"),
            backend_of(never.url, "off", enabled=False),
        ]
        async with watched(*entries):
            await rare.next_look()
            for _ in range(5):
                await often.next_look()
    assert (len(never.looks), len(rare.looks)) == (0, 1)


async def test_one_backend_may_be_watched_where_others_are_not() -> None:
    async with open_upstream() as plain, open_upstream() as chosen:
        entries = [backend_of(plain.url, "a"), backend_of(chosen.url, "b", health_check={"enabled": True})]
        async with watched(*entries, enabled=False):
            await chosen.next_look()
    assert plain.looks == []


async def test_a_managed_server_is_probed_only_while_it_runs() -> None:
    """Probing starts nothing, and keeps nothing from being stopped when idle."""
    command = [sys.executable, "-m", "continuum.testing.upstream", "--port", "{port}"]
    managed = {"command": command, "idle_stop": "200ms"}
    async with watched(backend_of("http://127.0.0.1:{port}", managed=managed)) as instance:
        (backend,) = instance.pool.backends
        assert backend.managed is not None
        await trio.testing.wait_all_tasks_blocked()
        assert backend.managed.state == "stopped"
        assert await call(instance) == "b"
        await backend.managed.until("stopped")
        await until(backend, "unknown")
        assert backend.address() is None


async def test_a_backend_that_comes_up_after_us_is_soon_used() -> None:
    """Down at the first probe, the next one is not an interval away, nor is the one that confirms it."""
    async with (
        open_upstream(listens=False) as upstream,
        trio.open_nursery() as nursery,
        watched(backend_of(upstream.url), interval="1h") as instance,
    ):
        backend = instance.pool.backends[0]
        await until(backend, "unhealthy")
        await upstream.serve(nursery)
        await until(backend, "healthy")
        assert await call(instance) == "b"
        assert len(upstream.looks) == 2, "healthy_threshold holds"
        nursery.cancel_scope.cancel()
