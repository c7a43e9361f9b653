"""What is going on, over HTTP: statistics, why a backend is chosen, and events as they happen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import trio

from continuum.core.explain import explain as explained
from continuum.http.admin.backend_view import circuit_state
from continuum.http.admin.bodies import Explain
from continuum.http.admin.ground import iso

if TYPE_CHECKING:
    from continuum.http.admin.answers.live import Percentiles, RouteExplained, Stats, Usage
    from continuum.http.admin.ground import Ground
    from continuum.http.admin.request import Request
    from continuum.http.exchange import Headers
    from continuum.runtime.statistics import Series, Spread

__all__ = ["events", "explain", "stats"]

_QUIET: Final = 15.0
"""Seconds without an event after which a comment says that we are still here."""

_SSE: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


async def stats(ground: Ground, request: Request) -> Stats:
    """What was asked since the start."""
    del request
    counted = ground.instance.accounts.statistics
    return {
        "since": iso(counted.since),
        "totals": _usage(counted.totals),
        "backends": {name: _usage(series) for name, series in counted.backends.items()},
        "models": {name: _usage(series) for name, series in counted.models.items()},
        "keys": {name: _usage(series) for name, series in counted.keys.items()},
    }


def _usage(series: Series) -> Usage:
    return {
        "requests": series.requests,
        "errors": series.errors,
        "input_tokens": series.input_tokens,
        "output_tokens": series.output_tokens,
        "cost": round(series.cost, 9) if series.priced else None,
        "unpriced_requests": series.unpriced,
        "latency_ms": _percentiles(series.latency),
        "ttft_ms": _percentiles(series.ttft),
    }


def _percentiles(spread: Spread) -> Percentiles:
    return {
        "p50": _ms(spread.percentile(0.5)),
        "p95": _ms(spread.percentile(0.95)),
        "p99": _ms(spread.percentile(0.99)),
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


async def explain(ground: Ground, request: Request) -> RouteExplained:
    """What would be tried for a model now."""
    asked, config = request.shaped(Explain), ground.instance.config
    headers = {name.lower(): value for name, value in asked.headers.items()}
    named = (headers.get(name.lower()) for name in config.routing.affinity_headers)
    found = explained(config, ground.instance.pool, asked.model, next((value for value in named if value), None))
    return {
        "model": asked.model,
        "resolved_model": found.model,
        "strategy": found.strategy,
        "candidates": [
            {
                "backend": each.backend.name,
                "upstream_model": each.upstream,
                "weight": each.backend.weight,
                "health_status": each.backend.health.state,
                "circuit_state": circuit_state(each.backend),
                "in_flight": each.backend.in_flight,
                "usable": each.usable,
                "reason": each.reason,
            }
            for each in found.candidates
        ],
        "chosen": found.chosen,
        "error": found.error,
    }


async def events(ground: Ground, request: Request) -> None:
    """Versions, and changes of health and circuits, as server-sent events, until the client leaves."""
    exchange = request.exchange
    await exchange.start(200, _SSE)
    if exchange.scope["method"] == "HEAD":
        await exchange.write(b"", more=False)
        return
    admin = ground.instance.config.admin
    async with trio.open_nursery() as nursery:
        exchange.cancel_scope = nursery.cancel_scope
        nursery.start_soon(_leave_with_client, request, nursery.cancel_scope)
        told = _state(ground)
        await exchange.write(_event("hello", {"version": told["version"]}), more=True)
        while ground.instance.config.admin == admin:  # else whoever listens must show a credential again
            await _change(ground, told["version"])
            state = _state(ground)
            pieces = b"".join(_event(kind, data) for kind, data in _news(ground, told, state))
            told = state
            await exchange.write(pieces or b": still here\n\n", more=True)
        await exchange.write(b"", more=False)
        nursery.cancel_scope.cancel()


async def _leave_with_client(request: Request, scope: trio.CancelScope) -> None:
    while (await request.exchange.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _change(ground: Ground, version: int) -> None:
    """Return once something may have changed, or it was quiet for long. What changes with time alone is a circuit that
    becomes half open.
    """
    backends, now = ground.instance.pool.backends, trio.current_time()
    due = [each.breaker.until for each in backends if each.breaker.state_at(now) == "open"]

    async def version_changes() -> None:
        await ground.store.next_change(version)
        nursery.cancel_scope.cancel()

    with trio.move_on_at(min([now + _QUIET, *due])):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(version_changes)
            await ground.instance.pool.availability.next_change()
            nursery.cancel_scope.cancel()


def _state(ground: Ground) -> dict[str, Any]:
    pool = ground.instance.pool.backends
    return {
        "version": ground.store.current.number,
        "health": {each.name: each.health.state for each in pool},
        "circuit": {each.name: circuit_state(each) for each in pool},
    }


def _news(ground: Ground, told: dict[str, Any], state: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    if state["version"] != told["version"]:
        current = ground.store.current
        data = {"version": current.number, "source": current.source, "user": current.user}
        found.append(("version", {**data, "sections_changed": list(current.sections_changed)}))
    for kind in ("health", "circuit"):
        for name, now in state[kind].items():
            before = told[kind].get(name)
            if now != before:
                found.append((kind, {"backend": name, "from": before, "to": now}))
    return found


def _event(kind: str, data: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
