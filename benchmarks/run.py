#!/usr/bin/env python3
"""What Continuum adds over going direct: the same requests to both, side by side in one run. See README.md here.

Needs nothing but trio and httpx, which an environment with Continuum has.
"""

from __future__ import annotations

import argparse
import json
import os
import ssl
import statistics
import sys
import time
from dataclasses import dataclass, field

import httpx
import machine
import trio

DESCRIPTION = "Measures a running Continuum against its backend asked directly, in turns."

_TLS = ssl.create_default_context()  # one for all: making one costs 20 ms


@dataclass(frozen=True)
class Side:
    """One of the two that are compared."""

    name: str
    url: str
    model: str
    key: str


@dataclass
class Round:
    """What one round of requests to one side came to; times in seconds, in no order."""

    whole: list[float] = field(default_factory=list[float])
    first: list[float] = field(default_factory=list[float])
    chunks: int = 0
    errors: list[str] = field(default_factory=list[str])
    took: float = 0.0
    client_cpu: float = 0.0
    server_cpu: float | None = None


def main() -> int:
    """Run the command; 1 when any request failed."""
    options = _parser().parse_args()
    sides = [
        Side("direct", _base(options.direct), options.direct_model or options.model, os.environ.get("DIRECT_KEY", "")),
        Side("continuum", _base(options.url), options.model, os.environ.get("CONTINUUM_KEY", "")),
    ]
    results: dict[str, dict[str, list[Round]]] = {}
    for kind in ("answers", "streams"):
        results[kind] = trio.run(_compare, sides, options, kind == "streams")
        _show(kind, sides, options, results[kind])
    print(f"Client, Continuum and backend share what they share: this machine has {os.cpu_count()} cores.")
    print("Figures are medians of the rounds. Compare inside one run only.")
    if options.json:
        _write(options.json, results)
    return int(any(each.errors for kind in results.values() for rounds in kind.values() for each in rounds))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks/run.py", description=DESCRIPTION)
    parser.add_argument("--url", required=True, help="Continuum, as http://127.0.0.1:8080")
    parser.add_argument("--direct", required=True, metavar="URL", help="its backend")
    parser.add_argument("--model", required=True, help="the model to ask for")
    parser.add_argument("--direct-model", metavar="MODEL", help="its name at the backend, where that differs")
    parser.add_argument("--concurrency", type=int, default=8, metavar="N", help="requests at a time (8)")
    parser.add_argument("--requests", type=int, default=200, metavar="N", help="requests a round (200)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of each side (5)")
    parser.add_argument("--max-tokens", type=int, default=32, metavar="N", help="length of an answer (32)")
    parser.add_argument("--prompt", default="Count from one to twenty.", help="what is asked")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="for one request (120)")
    parser.add_argument("--json", metavar="FILE", help="write every round's figures there")
    return parser


def _base(url: str) -> str:
    return url.rstrip("/").removesuffix("/v1")


async def _compare(sides: list[Side], options: argparse.Namespace, stream: bool) -> dict[str, list[Round]]:  # noqa: FBT001 - trio.run takes no keywords
    """Rounds in turns, the order reversed each time, so that neighbours and caches favour nobody."""
    rounds: dict[str, list[Round]] = {side.name: [] for side in sides}
    for side in sides:
        await _round(side, options, stream=stream, requests=options.concurrency)  # connections, caches
    for number in range(options.rounds):
        for side in sides if number % 2 else reversed(sides):
            rounds[side.name].append(await _round(side, options, stream=stream, requests=options.requests))
    return rounds


async def _round(side: Side, options: argparse.Namespace, *, stream: bool, requests: int) -> Round:
    result = Round()
    body = {
        "model": side.model,
        "messages": [{"role": "user", "content": options.prompt}],
        "max_tokens": options.max_tokens,
        "temperature": 0,
        "stream": stream,
    }
    left = iter(range(requests))
    headers = {"authorization": f"Bearer {side.key}"} if side.key else {}

    async def worker() -> None:
        # A client, so a pool, for each: one pool for all would cost more than what is measured.
        async with httpx.AsyncClient(verify=_TLS, trust_env=False, timeout=options.timeout, headers=headers) as client:
            for _ in left:
                try:
                    await _ask(client, f"{side.url}/v1/chat/completions", body, result)
                except httpx.HTTPError as fault:
                    result.errors.append(type(fault).__name__)

    server = machine.listener(side.url)
    server_cpu, client_cpu, began = machine.cpu_seconds(server), time.process_time(), time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(min(options.concurrency, requests)):
            nursery.start_soon(worker)
    result.took, result.client_cpu = time.perf_counter() - began, time.process_time() - client_cpu
    after = machine.cpu_seconds(server)
    result.server_cpu = after - server_cpu if after is not None and server_cpu is not None else None
    return result


async def _ask(client: httpx.AsyncClient, url: str, body: dict[str, object], result: Round) -> None:
    began = time.perf_counter()
    if not body["stream"]:
        response = await client.post(url, json=body)
        if response.status_code != 200:
            result.errors.append(f"status {response.status_code}")
        elif not response.json().get("choices"):
            result.errors.append("no choices")
        else:
            result.whole.append(time.perf_counter() - began)
        return
    first = 0.0
    last = ""
    async with client.stream("POST", url, json=body) as response:
        if response.status_code != 200:
            result.errors.append(f"status {response.status_code}")
            return
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                last = line[5:].strip()
                result.chunks += 1
                first = first or (time.perf_counter() if _has_content(last) else 0.0)
    if last != "[DONE]" or not first:
        result.errors.append("a stream that broke off")
        return
    result.first.append(first - began)
    result.whole.append(time.perf_counter() - began)


def _has_content(data: str) -> bool:
    try:
        choices = json.loads(data).get("choices") or [{}]
    except (ValueError, AttributeError):
        return False
    delta = choices[0].get("delta") or {}
    return any(delta.get(name) for name in ("content", "reasoning_content", "tool_calls"))


def _show(kind: str, sides: list[Side], options: argparse.Namespace, rounds: dict[str, list[Round]]) -> None:
    size = f"{options.concurrency} at a time, {options.rounds} rounds of {options.requests}"
    print(f"{'whole answers' if kind == 'answers' else 'streams'}: {size}")
    print(f"  {'':34}{'direct':>12}{'continuum':>12}{'added':>12}")
    for name, unit, value in _ROWS:
        direct, ours = (_median([value(each) for each in rounds[side.name]]) for side in sides)
        if direct is None and ours is None:
            continue
        added = ours - direct if ours is not None and direct is not None and unit != "1/s" else None
        cells = (_number(direct), _number(ours), "" if added is None else f"{added:+.2f}")
        print(f"  {f'{name}, {unit}':34}" + "".join(f"{cell:>12}" for cell in cells))
    for side in sides:
        errors = [error for each in rounds[side.name] for error in each.errors]
        if errors:
            kinds = ", ".join(f"{errors.count(error)} x {error}" for error in sorted(set(errors)))
            print(f"  FAILED, {side.name}: {kinds}")
    if all(each.server_cpu is None for side in sides for each in rounds[side.name]):
        print("  (server CPU: only for processes of yours that listen on this machine, on Linux)")
    print()


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _quantile(times: list[float], share: float) -> float | None:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else None


def _per(amount: float | None, count: int, factor: float) -> float | None:
    return None if amount is None or not count else amount / count * factor


_ROWS = (
    ("first content, median", "ms", lambda each: _quantile(each.first, 0.5)),
    ("first content, p99", "ms", lambda each: _quantile(each.first, 0.99)),
    ("whole, median", "ms", lambda each: _quantile(each.whole, 0.5)),
    ("whole, p99", "ms", lambda each: _quantile(each.whole, 0.99)),
    ("finished", "1/s", lambda each: _per(len(each.whole), 1, 1 / each.took)),
    ("chunks", "1/s", lambda each: _per(each.chunks, 1, 1 / each.took) if each.chunks else None),
    ("server CPU per request", "ms", lambda each: _per(each.server_cpu, len(each.whole), 1e3)),
    ("server CPU per chunk", "us", lambda each: _per(each.server_cpu, each.chunks, 1e6)),
    ("this client's CPU per request", "ms", lambda each: _per(each.client_cpu, len(each.whole), 1e3)),
)


def _write(path: str, results: dict[str, dict[str, list[Round]]]) -> None:
    plain = {
        kind: {side: [vars(each) for each in rounds] for side, rounds in sides.items()}
        for kind, sides in results.items()
    }
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - one file, named by the user
        json.dump(plain, file)


if __name__ == "__main__":
    sys.exit(main())
