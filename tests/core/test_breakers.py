"""Circuits of real backends, through the engine: opened by failures, left in peace, tried again."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pytest
import trio
import trio.testing
from patience import PATIENCE_S

from continuum.chat import ChatRequest, Message
from continuum.config import from_mapping
from continuum.core import Call
from continuum.errors import AttemptsExhausted, CircuitOpen, ContinuumError, UpstreamRejected
from continuum.metrics.instruments import EJECTIONS
from continuum.runtime import Instance, open_instance
from continuum.testing.upstream import FAULTS, Hang, Plain, Raw, Stream, Wait, open_upstream, openai

BROKEN = FAULTS["status-500"].answer
REJECTED = FAULTS["status-422"].answer
ONCE = {"max_attempts": 1}


def running(*urls: str, retry: Any = ONCE, **breaker: Any) -> Any:
    backends = [
        {"name": f"b{number}", "type": "openai", "url": url, "models": ["m"]} for number, url in enumerate(urls)
    ]
    health = {"enabled": False}
    return open_instance(
        from_mapping({"backends": backends, "health_checks": health, "retry": retry, "circuit_breaker": breaker})
    )


async def call(instance: Instance) -> str:
    """One whole call; who answered."""
    request = Call.of_chat(ChatRequest("m", [Message.of_text("user", "hi")]), request_id="test")
    async with await instance.engine.open(request) as reply:
        async for _ in reply:
            pass
        return reply.backend


async def fail(instance: Instance, times: int, error: type[ContinuumError] = AttemptsExhausted) -> None:
    for _ in range(times):
        with pytest.raises(error):
            await call(instance)


async def test_an_open_circuit_answers_at_once_and_asks_nobody() -> None:
    async with open_upstream(BROKEN) as one, open_upstream(BROKEN) as two, running(one.url, two.url) as instance:
        await fail(instance, 10)
        assert {backend.breaker.state for backend in instance.pool.backends} == {"open"}
        asked, took, refusals = len(one.calls) + len(two.calls), list[float](), list[CircuitOpen]()
        for _ in range(10):
            began = perf_counter()
            with pytest.raises(CircuitOpen) as caught:
                await call(instance)
            took.append(perf_counter() - began)
            refusals.append(caught.value)
        assert min(took) < 0.05, "the quickest: others may have met a moment in which the machine was not ours"
        assert len(one.calls) + len(two.calls) == asked == 10
        counted = instance.pool.meter.counts(EJECTIONS)
        assert counted == {(name, "circuit_open"): 1 for name in ("b0", "b1")}
    refused = refusals[0]
    assert (refused.http_status, refused.code) == (503, "circuit_open")
    assert refused.retry_after is not None
    assert 30 < refused.retry_after <= 60
    assert refused.details["candidates"] == {"b0": "circuit_open", "b1": "circuit_open"}


async def test_others_answer_meanwhile() -> None:
    async with open_upstream(BROKEN) as bad, open_upstream() as good:
        async with running(bad.url, good.url, retry={}, failure_threshold=2) as instance:
            changes = instance.pool.availability.count
            assert {await call(instance) for _ in range(10)} == {"b1"}
            assert instance.pool.availability.count == changes + 1
        assert len(bad.calls) == 2


def test_it_recovers_within_a_period() -> None:
    clock = trio.testing.MockClock()  # the circuit is open for as long as is said here, not as the machine is slow

    async def main() -> None:
        async with open_upstream() as upstream, running(upstream.url, failure_threshold=2, timeout_seconds="9s") as it:
            breaker = it.pool.backends[0].breaker
            upstream.push(BROKEN, BROKEN)
            await fail(it, 2)
            clock.jump(8.9)
            with pytest.raises(CircuitOpen) as refused:
                await call(it)
            assert refused.value.retry_after is not None
            clock.jump(refused.value.retry_after)
            await call(it)
            assert breaker.state == "half_open"
            await call(it)
            assert breaker.state == "closed"

    trio.run(main, clock=clock)


async def test_so_many_trials_and_no_more() -> None:
    gate = trio.Event()
    async with (
        open_upstream(Stream((), tail=(Wait(gate), *(Stream().parts)))) as upstream,
        running(upstream.url, failure_threshold=1, timeout_seconds="50ms", half_open_max_requests=2) as instance,
        trio.open_nursery() as nursery,
    ):
        upstream.push(BROKEN)
        await fail(instance, 1)
        await upstream.next_call()
        await trio.sleep_until(instance.pool.backends[0].breaker.until)
        for _ in range(2):
            nursery.start_soon(call, instance)
            await upstream.next_call()
        with pytest.raises(CircuitOpen, match="trial") as caught:
            await call(instance)
        assert caught.value.details["candidates"] == {"b0": "half_open"}
        nursery.cancel_scope.cancel()
    assert len(upstream.calls) == 3


async def test_callers_who_leave_and_callers_at_fault_open_nothing() -> None:
    async with open_upstream() as upstream, running(upstream.url, failure_threshold=1, minimum_requests=1) as instance:
        upstream.push(*[REJECTED] * 20)
        await fail(instance, 20, UpstreamRejected)
        upstream.push(*[Raw((Hang(),))] * 20)
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(call, instance)
            with trio.fail_after(PATIENCE_S):
                while len(upstream.calls) < 40:
                    await upstream.next_call()
            nursery.cancel_scope.cancel()
        upstream.push(Plain(openai.error("No."), 401), Plain(openai.error("No."), 401))
        await fail(instance, 2)
        assert instance.pool.backends[0].breaker.state == "closed"
        assert await call(instance) == "b0"


async def test_a_stream_that_breaks_off_counts() -> None:
    async with (
        open_upstream(FAULTS["cut-by-reset"].answer) as upstream,
        running(upstream.url, failure_threshold=3) as instance,
    ):
        await fail(instance, 3, ContinuumError)
        assert instance.pool.backends[0].breaker.state == "open"


async def test_a_retuned_breaker_lets_calls_through_at_once() -> None:
    async with open_upstream() as upstream, running(upstream.url, failure_threshold=1) as instance:
        upstream.push(BROKEN)
        await fail(instance, 1)
        await fail(instance, 1, CircuitOpen)
        instance.pool.retune_breakers(from_mapping({"circuit_breaker": {"enabled": False}}).circuit_breaker)
        assert await call(instance) == "b0"
