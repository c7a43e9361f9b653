"""A soak run: mixed traffic with random faults and leaving clients against the real process, and what is left of it.

`python tests/support/soak.py --minutes 30`. At the end no memory has grown, and no connection, task or slot is held.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGUSR1
from typing import Any

import counting_router
import httpx
import trio
from chat import CHAT, ask, asked, client_of
from proc import Figures, figures
from serving import IMPATIENT, Router, backend, config
from soak_load import MODELS, Load, Tally

from continuum.testing.upstream import (
    FAULTS,
    Answer,
    Completion,
    Embeddings,
    Pause,
    Request,
    TextCompletion,
    Upstream,
    Wait,
    fault_of,
    open_upstream,
)

GROWTH = 0.05
"""Of PSS after the warm-up, less than this."""

KEYS = ("sk-soak-one", "sk-soak-two", "sk-soak-three")
SLOTS = 6
"""That each key and each address has; all of them must be there again at the end."""

_SAMPLE_S = 1.0
_WIDEST = ("endless-line", "bomb")
_WIDEST_EVERY_S = 7.0
_SETTLE_S = 20.0
_MOST_THREADS = 8
_LONGEST = 3
"""Times the length that was asked for: on a slow machine the warm-up is short of requests, not of seconds."""


@dataclass(frozen=True)
class Plan:
    """How long, and how much. warm_up: of the load's time, in seconds."""

    seconds: float
    warm_up: float
    clients: int = 16
    pause: float = 0.3
    seed: int = 1


@dataclass
class Outcome:
    """What a run came to. faults: what must not be; empty after a good run."""

    tally: Tally
    warming: list[Figures] = field(default_factory=list[Figures])
    samples: list[Figures] = field(default_factory=list[Figures])
    lines: list[str] = field(default_factory=list[str])
    faults: list[str] = field(default_factory=list[str])

    def expect(self, what: str, *, holds: bool) -> None:
        """Note a figure, and that it is a fault where it does not hold."""
        self.lines.append(("ok      " if holds else "FAILED  ") + what)
        if not holds:
            self.faults.append(what)


class Script:
    """What a backend answers: mostly good answers at their own pace, some faults, and bad times when all fails."""

    def __init__(self, seed: int, *, faulty: float, bad_times: bool) -> None:
        self._random = random.Random(seed)  # noqa: S311 - traffic, not secrets
        self._faulty = faulty
        self._bad_times = bad_times
        self._names = [name for name in FAULTS if name not in _WIDEST]
        self.gate: trio.Event | None = None

    def __call__(self, request: Request) -> Answer:
        if (asked_for := fault_of(request.model)) is not None:
            return asked_for.answer
        if self.gate is not None:
            return Completion(before=(Wait(self.gate),))
        bad = self._bad_times and trio.current_time() % 30 < 4
        if bad or self._random.random() < self._faulty:
            return FAULTS["status-503" if bad else self._random.choice(self._names)].answer
        if request.path.endswith("embeddings"):
            return Embeddings()
        if request.path.endswith("/v1/completions") and "chat" not in request.path:
            return TextCompletion()
        gap = (Pause(self._random.uniform(0, 0.05)),)
        return Completion(before=gap, gap=gap)


async def soak(plan: Plan) -> Outcome:
    """One run."""
    scripts = [Script(plan.seed + 1, faulty=0.02, bad_times=False), Script(plan.seed + 2, faulty=0.25, bad_times=False)]
    scripts.append(Script(plan.seed + 3, faulty=0.05, bad_times=True))
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstreams = [await stack.enter_async_context(open_upstream(script, models=MODELS)) for script in scripts]
        tidying = await stack.enter_async_context(trio.open_nursery())
        for upstream in upstreams:
            tidying.start_soon(_forget, upstream)
        router = await stack.enter_async_context(_running(home, _configuration(upstreams)))
        outcome = await _drive(plan, router, upstreams, scripts)
        tidying.cancel_scope.cancel()
    outcome.expect("no traceback in its log", holds="Traceback" not in router.stderr)
    outcome.expect("it stops when told to, with 0", holds=router.wait() == 0)
    return outcome


def _configuration(upstreams: list[Upstream]) -> dict[str, Any]:
    names = ("alpha", "beta", "gamma")
    backends = [
        backend(each.url, name, models=(*MODELS, *(f"fault/{fault}" for fault in _WIDEST)))
        for each, name in zip(upstreams, names, strict=True)
    ]
    backends[1]["max_in_flight"] = 2 * SLOTS
    slots = {"max_in_flight": SLOTS, "requests_per_minute": 100_000, "tokens_per_minute": 50_000_000}
    return config(
        *backends,
        timeouts={**IMPATIENT, "idle": "2s"},
        server={"trusted_proxies": ["127.0.0.1"]},
        health_checks={"interval": "2s"},
        circuit_breaker={"timeout_seconds": 1},
        fallback={"enabled": True, "fallback_chains": {MODELS[0]: [MODELS[1]]}},
        rate_limiting={"enabled": True, "limits": {"per_client": slots, "per_api_key": slots, "global": _many(slots)}},
        api_keys={
            "api_keys": [{"key": key, "id": key[3:]} for key in KEYS] + [{"key": "sk-soak-slow", "rate_limit": 60}]
        },
        logging={"access": False},
    )


def _many(slots: dict[str, int]) -> dict[str, int]:
    return {**slots, "max_in_flight": 1000}


@asynccontextmanager
async def _running(home: Path, configuration: dict[str, Any]) -> AsyncGenerator[Router]:
    file = home / "soak.json"
    file.write_text(json.dumps(configuration), encoding="utf-8")
    router = Router([counting_router.__file__, "--mode", "http", "--config", str(file)], home=home)
    try:
        yield await trio.to_thread.run_sync(router.wait_until_listening)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(router.stop)


async def _forget(upstream: Upstream) -> None:
    """A scripted upstream remembers all it was ever asked; for this long that is too much."""
    while True:
        await upstream.next_call()
        if len(upstream.requests) > 1000:
            upstream.requests.clear()
            upstream.connections[:] = [each for each in upstream.connections if not each.closed.is_set()]


async def _drive(plan: Plan, router: Router, upstreams: list[Upstream], scripts: list[Script]) -> Outcome:
    load = Load(router.url, (*KEYS, "sk-soak-slow", None, None), clients=plan.clients, pause=plan.pause, seed=plan.seed)
    outcome = Outcome(load.tally)
    await _widen(router, 1)
    await _settled(router, upstreams)
    before, tasks_before = figures(router.pid), await _tasks(router, 1)
    began = time.monotonic()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(load.run)
        nursery.start_soon(_widen, router, int(plan.seconds / _WIDEST_EVERY_S))
        passed = 0.0
        while passed < plan.seconds or (passed < _LONGEST * plan.seconds and grows(outcome)):
            await trio.sleep(_SAMPLE_S)
            passed = time.monotonic() - began
            outcome.samples.append(figures(router.pid))
            if passed < plan.warm_up or passed >= plan.seconds:
                outcome.warming.append(outcome.samples.pop(0))
        load.stop()
    took = time.monotonic() - began
    outcome.lines.append(f"        {load.tally.asked} requests in {took:.0f} s, {load.tally.asked / took:.1f} a second")
    outcome.lines.append(f"        asked: {_told(load.tally.kinds)}")
    outcome.lines.append(f"        ends:  {_told(load.tally.ends)}")
    await _slots_are_back(outcome, router, scripts)
    await _settled(router, upstreams)
    _judge_traffic(outcome)
    judge_memory(outcome)
    after, tasks_after = figures(router.pid), await _tasks(router, 2)
    left = sum(upstream.open_connections for upstream in upstreams)
    outcome.expect(f"connections open at the backends' side: {left}", holds=left == 0)
    outcome.expect(f"sockets: {before.sockets} before, {after.sockets} after", holds=after.sockets <= before.sockets)
    outcome.expect(f"trio tasks: {tasks_before} before, {tasks_after} after", holds=tasks_after <= tasks_before)
    more = after.descriptors - before.descriptors
    outcome.expect(f"descriptors: {before.descriptors} before, {after.descriptors} after", holds=more <= 0)
    outcome.expect(f"threads: {before.threads} before, {after.threads} after", holds=after.threads < _MOST_THREADS)
    return outcome


async def _widen(router: Router, times: int) -> None:
    """Let it have what takes the most memory, one at a time: an allocator keeps that, and it is no growth."""
    async with client_of(router.url) as client:
        for _ in range(times):
            for fault in _WIDEST:
                received = await ask(client, asked(f"fault/{fault}", stream=True))
                assert received.status in (502, 503, 504), received.raw  # 504: megabytes take a busy machine a while
            await trio.sleep(_WIDEST_EVERY_S)


async def _settled(router: Router, upstreams: list[Upstream]) -> None:
    """Wait, for a bounded time, until no connection between the router and anybody is left."""
    async with client_of(router.url) as client:
        for model in MODELS:
            await client.post(CHAT, json=asked(model))
    with trio.move_on_after(_SETTLE_S):
        while any(upstream.open_connections for upstream in upstreams):
            for connection in [each for upstream in upstreams for each in upstream.connections]:
                await connection.closed.wait()
        await trio.sleep(0.2)  # the router's side of the last ones


async def _tasks(router: Router, nth: int) -> int:
    """How many tasks the router says it has, asked for the nth time."""
    router.signal(SIGUSR1)
    said: list[str] = []
    with trio.fail_after(10):
        while len(said) < nth:
            await trio.sleep(0.05)
            said = [line for line in router.stderr.splitlines() if line.startswith(counting_router.TASKS)]
    return int(said[-1].removeprefix(counting_router.TASKS))


async def _slots_are_back(outcome: Outcome, router: Router, scripts: list[Script]) -> None:
    """Each key can have all its slots at once, and not one more."""
    for key in KEYS:
        gate = trio.Event()
        for script in scripts:
            script.gate = gate
        statuses: list[int] = []
        first = trio.Event()
        async with client_of(router.url) as client, trio.open_nursery() as nursery:
            for _ in range(SLOTS + 1):
                nursery.start_soon(_take_slot, client, key, statuses, first)
            with trio.move_on_after(_SETTLE_S):
                await first.wait()
            gate.set()
        for script in scripts:
            script.gate = None
        outcome.expect(
            f"slots of {key[3:]}: {statuses.count(200)} of {SLOTS} there, {statuses.count(429)} refused",
            holds=sorted(statuses) == [200] * SLOTS + [429],
        )


async def _take_slot(client: httpx.AsyncClient, key: str, statuses: list[int], ended: trio.Event) -> None:
    headers = {"authorization": f"Bearer {key}"}
    statuses.append((await client.post(CHAT, json=asked(MODELS[1]), headers=headers)).status_code)
    ended.set()


def _judge_traffic(outcome: Outcome) -> None:
    tally = outcome.tally
    wrong = tally.wrong.total()
    outcome.expect(f"requests that were not answered as promised: {wrong}", holds=wrong == 0)
    outcome.lines += [f"          {count} x {what}" for what, count in tally.wrong.most_common(10)]
    outcome.expect(f"whole answers: {tally.ends['whole']}", holds=tally.ends["whole"] > tally.answered / 2)


def _quarters(outcome: Outcome) -> tuple[float, float]:
    """The middle of the first quarter after the warm-up, and that of the last, in bytes: a quarter of a short run
    outlasts the seconds for which the widest fault is held.
    """
    samples = [each.pss for each in outcome.samples]
    quarter = max(1, len(samples) // 4)
    return statistics.median(samples[:quarter]), statistics.median(samples[-quarter:])


def grows(outcome: Outcome) -> bool:
    """Whether the process takes more and more, as far as is known: what is leaked goes on, what warms up ends."""
    first, last = _quarters(outcome)
    return last / first - 1 >= GROWTH


def judge_memory(outcome: Outcome) -> None:
    """Note how the process grew, and that it is a fault where it does."""
    samples = [each.pss for each in outcome.samples]
    first, last = _quarters(outcome)
    growth = last / first - 1
    told = f"PSS after the warm-up {first / 2**20:.1f} MiB, at the end {last / 2**20:.1f} MiB: {growth:+.1%}"
    every = [each.pss for each in outcome.warming + outcome.samples]
    steps = [max(every[at : at + len(every) // 10 + 1]) for at in range(0, len(every), len(every) // 10 + 1)]
    outcome.lines.append(f"        PSS by tenths of the run, MiB: {' '.join(f'{each / 2**20:.1f}' for each in steps)}")
    outcome.expect(f"{told}, highest {max(samples) / 2**20:.1f} MiB", holds=not grows(outcome))


def _told(counts: Any) -> str:
    return ", ".join(f"{what} {count}" for what, count in counts.most_common())


def main() -> int:
    """Run from a shell; 1 where something must not be."""
    parser = argparse.ArgumentParser("tests/support/soak.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2.0, metavar="N", help="of load (2)")
    parser.add_argument("--warm-up", type=float, default=None, metavar="SECONDS", help="not judged (a fifth)")
    parser.add_argument("--clients", type=int, default=16, metavar="N", help="at a time (16)")
    parser.add_argument("--pause", type=float, default=0.3, metavar="SECONDS", help="between a client's requests (0.3)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of everything random (1)")
    options = parser.parse_args()
    seconds = options.minutes * 60
    warm_up = seconds / 5 if options.warm_up is None else options.warm_up
    outcome = trio.run(soak, Plan(seconds, warm_up, options.clients, options.pause, options.seed))
    print("\n".join(outcome.lines))  # noqa: T201 - what the run is for
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
