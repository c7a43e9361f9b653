"""What choosing a backend costs where circuits are open: `python benchmarks/circuits.py`.

Of a call: who is out (kept from the call before), the choice, and the breaker's part in the attempt. Of a change, a
circuit that opens or closes: concluding anew who is out, once for each group of backends, whoever calls next.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import trio

from continuum.backends.pool import Pool
from continuum.chat import ChatRequest, Message
from continuum.config import from_mapping
from continuum.core import Call
from continuum.core.plan import Planner
from continuum.core.screen import Screen
from continuum.resilience.breaker import Verdict
from continuum.selection import STRATEGIES

if TYPE_CHECKING:
    from continuum.config import Config

SIZES = (10, 10_000)
OPEN_PERCENT = (0, 10, 50, 90)
CALLS = 1_000
ROUNDS = 3


def configuration(strategy: str, size: int) -> Config:
    """So many backends of one model, each of whose circuits one failure opens."""
    backends = [{"name": f"b{n}", "type": "openai", "url": "http://127.0.0.1:9", "models": ["m"]} for n in range(size)]
    return from_mapping(
        {
            "backends": backends,
            "routing": {"selection_strategy": strategy},
            "circuit_breaker": {"failure_threshold": 1, "timeout_seconds": 3600},
        }
    )


def measured(config: Config, percent: int) -> tuple[float, float]:
    """CPU microseconds of a call, milliseconds of a change, with this share of circuits open."""
    pool = Pool(config, watched=False)
    size = len(pool.backends)
    for number, backend in enumerate(pool.backends):
        if number * 37 % size * 100 < percent * size:  # spread among the others
            backend.breaker.end(backend.breaker.begin(), Verdict.FAILED, 0.0)
    group = Planner(config.routing, pool).plan("m").group
    members = group.members
    screen = Screen(pool.availability, panic_threshold=0)
    call = Call.of_chat(ChatRequest("m", [Message.of_text("user", "hello")]), request_id="r", affinity="session")
    group.choose(call, (), screen.out(members, 1.0))  # what is built once per membership is another figure
    pool.availability.changed()
    began = time.process_time()
    screen.out(members, 1.0)
    change = time.process_time() - began
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS):
            chosen = group.choose(call, (), screen.out(members, 1.0))
            assert chosen is not None  # noqa: S101 - some circuit is always closed
            chosen.breaker.end(chosen.breaker.begin(), Verdict.PASSED, 1.0)
        best = min(best, time.process_time() - began)
    return best * 1e6 / CALLS, change * 1e3


async def main() -> None:
    """Print the table: strategies ask trio for the time."""
    print("CPU us per call, then CPU ms per change, by number of backends and share of open circuits\n")
    columns = [(size, percent) for size in SIZES for percent in OPEN_PERCENT]
    print(f"{'strategy':22}" + "".join(f"{size:>9,}/{percent:>2}%" for size, percent in columns))
    for strategy in STRATEGIES:
        configs = {size: configuration(strategy, size) for size in SIZES}
        cells = [measured(configs[size], percent) for size, percent in columns]
        print(f"{strategy:22}" + "".join(f"{call:7.1f}{change:6.1f}" for call, change in cells))


if __name__ == "__main__":
    trio.run(main)
