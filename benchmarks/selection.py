"""What choosing a backend costs, by strategy and number of backends: `python benchmarks/selection.py`.

A choice must not cost more beside ten thousand backends than beside ten. Strategies compare at most WINDOW candidates,
so what is left to grow with their number is the processor's caches: the figures say how much that is here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from continuum.selection import STRATEGIES, Candidates, Hint
from continuum.selection.ring import Ring

SIZES = (1, 10, 100, 1_000, 10_000)
CHOICES = 2_000
ROUNDS = 5


@dataclass(slots=True)
class Backend:
    """A candidate under load."""

    name: str
    weight: int
    in_flight: int
    latency: float | None


@dataclass(frozen=True, slots=True)
class Settings:
    """As routing.prefix has it."""

    max_load_factor: float = 1.25


def microseconds(strategy: str, size: int) -> float:
    """Per choice, the best of some rounds."""
    row = STRATEGIES[strategy]
    members = tuple(Backend(f"backend-{n}", 1 + n % 3, n % 4, 0.1 + n % 7 / 100) for n in range(size))
    chooser, candidates = row.make(Settings()), Candidates(members)
    hints = [Hint(f"session-{n}", f"prompt {n}") for n in range(CHOICES)]
    chooser.choose(candidates, hints[0])  # what is built once per membership is another figure
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for hint in hints:
            chooser.choose(candidates, hint)
        best = min(best, time.process_time() - began)
    return best * 1e6 / CHOICES


def main() -> None:
    """Print the tables."""
    print("CPU us per choice, by number of backends\n")
    print(f"{'strategy':22}" + "".join(f"{size:>9,}" for size in SIZES))
    for strategy in STRATEGIES:
        print(f"{strategy:22}" + "".join(f"{microseconds(strategy, size):9.1f}" for size in SIZES))
    print("\nCPU ms to build a ring, once per change of who is there\n")
    for size in SIZES:
        shares = tuple((f"backend-{n}", 1) for n in range(size))
        began = time.process_time()
        Ring(shares)
        print(f"{size:>9,}{(time.process_time() - began) * 1e3:9.1f}")


if __name__ == "__main__":
    main()
