"""Outlier ejection as callers, the admin API and its events show it, through the real process."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import trio
from chat import ask, asked, client_of
from patience import PATIENCE_S
from serving import Router, backend, config, open_router

from continuum.dialects.framing import ServerSent, SSEParser
from continuum.testing.upstream import FAULTS, Plain, Upstream, open_upstream, openai

TOKEN = "planted-admin-token-4711"
ADMIN = {"auth": {"method": "bearer_token", "token": TOKEN}}
BEARER = {"authorization": f"Bearer {TOKEN}"}
BROKEN = FAULTS["status-500"].answer
PERIOD = 6.0  # seconds: in the first of them five requests are made, also on a busy machine
BREAKER = {"failure_threshold": 2, "timeout_seconds": PERIOD, "half_open_success_threshold": 1}


@asynccontextmanager
async def rig(home: Path, **more: Any) -> AsyncGenerator[tuple[Upstream, Router]]:
    """One backend, tried once a call."""
    async with open_upstream() as upstream:
        configuration = config(
            backend(upstream.url),
            admin=ADMIN,
            retry={"max_attempts": 1},
            circuit_breaker=BREAKER,
            **more,
        )
        async with open_router(home, configuration) as router:
            yield upstream, router
    assert "Traceback" not in router.stderr


async def shown(client: httpx.AsyncClient) -> Any:
    answer = await client.get("/admin/backends/alpha", headers=BEARER)
    assert answer.status_code == 200
    return answer.json()


class Events:
    """The stream of events, asked for in HTTP/1.0, whose bodies are not in chunks."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._parser = SSEParser()
        self._here: deque[ServerSent] = deque()

    async def next(self) -> tuple[str, Any]:
        while not self._here:
            piece = await self._stream.receive_some(2**16)
            assert piece, "the stream of events has ended"
            self._here.extend(self._parser.feed(bytes(piece).rpartition(b"\r\n\r\n")[2]))
        event = self._here.popleft()
        return event.name, json.loads(event.data)


@asynccontextmanager
async def events_of(router: Router) -> AsyncGenerator[Events]:
    head = "".join(f"{name}: {value}\r\n" for name, value in {"host": "localhost", **BEARER}.items())
    async with await trio.open_tcp_stream("127.0.0.1", int(router.url.rpartition(":")[2])) as stream:
        await stream.send_all(f"GET /admin/events HTTP/1.0\r\n{head}\r\n".encode())
        yield Events(stream)


def circuit(before: str, after: str) -> tuple[str, Any]:
    return "circuit", {"backend": "alpha", "from": before, "to": after}


async def test_an_open_circuit_is_shown_as_it_is_at_every_moment(tmp_path: Path) -> None:
    async with (
        rig(tmp_path) as (upstream, router),
        client_of(router.url) as client,
        events_of(router) as events,
    ):
        assert (await events.next())[0] == "hello"
        before = await shown(client)
        assert (before["circuit_state"], before["circuit"]) == ("closed", {"consecutive_failures": 0, "opened": 0})
        assert before["ejected"] is None
        upstream.push(BROKEN, BROKEN)
        assert [(await ask(client, asked())).status for _ in range(2)] == [502, 502]
        assert await events.next() == circuit("closed", "open")

        refused = await ask(client, asked())
        assert (refused.status, refused.error["code"]) == (503, "circuit_open")
        assert refused.headers["x-continuum-ejected"] == "alpha=circuit_open"
        assert 1 <= int(refused.headers["retry-after"]) <= PERIOD
        assert len(upstream.calls) == 2, "nobody was asked"

        open_now = await shown(client)
        assert (open_now["circuit_state"], open_now["circuit"]) == ("open", {"consecutive_failures": 2, "opened": 1})
        assert open_now["ejected"]["reason"] == "circuit_open"
        assert 0 <= open_now["ejected"]["seconds"] <= PERIOD

        # Nobody calls: time alone makes it half open, and whoever looks is told so.
        with trio.fail_after(PERIOD + PATIENCE_S):
            assert await events.next() == circuit("open", "half_open")
        half_open = await shown(client)
        assert (half_open["circuit_state"], half_open["ejected"]) == ("half_open", None)
        measured = (await client.get("/metrics")).text
        assert 'continuum_backend_circuit{backend="alpha",state="half_open"} 1.0' in measured
        assert 'continuum_backend_ejections_total{backend="alpha",reason="circuit_open"} 1.0' in measured
        assert (await ask(client, asked())).is_whole()
        assert await events.next() == circuit("half_open", "closed")
        assert (await shown(client))["circuit"] == {"consecutive_failures": 0, "opened": 1}


async def test_one_that_is_ejected_for_its_health_says_so(tmp_path: Path) -> None:
    checks = {"interval": "50ms", "warmup_check_interval": "50ms"}
    async with rig(tmp_path, health_checks=checks) as (upstream, router), client_of(router.url) as client:
        for status, reason in ((503, "warming_up"), (500, "unhealthy")):
            upstream.pages["/v1/models"] = Plain(openai.error("Ill."), status)
            await trio.to_thread.run_sync(router.wait_for_line, f"backend alpha is {reason}")
            assert (await shown(client))["ejected"]["reason"] == reason
            refused = await ask(client, asked())
            assert (refused.status, refused.headers["x-continuum-ejected"]) == (503, f"alpha={reason}")
    assert upstream.calls == []
