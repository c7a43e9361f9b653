"""The traffic of a soak run: clients that ask for everything there is, leave when they like, and judge the answers."""

import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import trio
from chat import Received, ask, asked, client_of

PATIENCE_S = 45.0
"""Longer than any limit of the router: who waits this long was not answered."""

MODELS = ("test-model", "other-model")
REFUSALS = {400, 401, 404, 415, 422, 429, 413, 502, 503, 504}
"""Statuses that a caller may see while backends fail and limits hold."""


@dataclass
class Tally:
    """What became of all requests. wrong: what no caller should ever see."""

    asked: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    ends: Counter[str] = field(default_factory=Counter[str])
    wrong: Counter[str] = field(default_factory=Counter[str])

    @property
    def answered(self) -> int:
        """Those with a whole answer, an interrupted one that says so, or an error that is one."""
        return self.ends.total() - self.ends["left"]


class Load:
    """So many clients until told to stop. keys: credentials; None is a client without. patience: seconds."""

    def __init__(
        self,
        url: str,
        keys: tuple[str | None, ...],
        *,
        clients: int,
        pause: float,
        seed: int,
        patience: float = PATIENCE_S,
    ) -> None:
        self.tally = Tally()
        self._url = url
        self._keys = keys
        self._clients = clients
        self._pause = pause
        self._patience = patience
        self._random = random.Random(seed)  # noqa: S311 - traffic, not secrets
        self._stopping = trio.Event()

    async def run(self) -> None:
        """Ask until `stop`; then return when the last answer is here."""
        async with trio.open_nursery() as nursery:
            for _ in range(self._clients):
                nursery.start_soon(self._client)

    def stop(self) -> None:
        """No new requests."""
        self._stopping.set()

    async def _client(self) -> None:
        """One after the other over kept connections, and now and then over fresh ones."""
        while not self._stopping.is_set():
            async with client_of(self._url) as client:
                for _ in range(self._random.randrange(1, 60)):
                    if self._stopping.is_set():
                        return
                    await self._one(client)
                    with trio.move_on_after(self._random.uniform(0, 2 * self._pause)):
                        await self._stopping.wait()

    async def _one(self, client: httpx.AsyncClient) -> None:
        kind = self._random.choices(list(_KINDS), [weight for weight, _ in _KINDS.values()])[0]
        self.tally.asked += 1
        self.tally.kinds[kind] += 1
        leaves_after = self._random.uniform(0, 0.4) if kind.startswith("left") else self._patience
        end = "left" if kind.startswith("left") else ""
        with trio.move_on_after(leaves_after):
            try:
                end = await _KINDS[kind][1](client, self._random, self._headers())
            except (httpx.HTTPError, AssertionError, ValueError, KeyError, TypeError) as fault:
                end = f"WRONG {kind}: {type(fault).__name__} {str(fault)[:200]}"
        if not end:
            end = f"WRONG {kind}: no answer in {self._patience:.0f} s"
        (self.tally.wrong if end.startswith("WRONG") else self.tally.ends)[end] += 1

    def _headers(self) -> dict[str, str]:
        key = self._random.choice(self._keys)
        address = f"198.18.{self._random.randrange(20)}.{self._random.randrange(250)}"
        return {"x-forwarded-for": address, **({"authorization": f"Bearer {key}"} if key else {})}


Headers = Mapping[str, str]
_Kind = Callable[[httpx.AsyncClient, random.Random, Headers], Awaitable[str]]


async def _stream(client: httpx.AsyncClient, chance: random.Random, headers: Headers) -> str:
    body = asked(chance.choice(MODELS), stream=True, usage=chance.random() < 0.3, max_tokens=chance.randrange(1, 500))
    return _judge(await ask(client, body, headers))


async def _plain(client: httpx.AsyncClient, chance: random.Random, headers: Headers) -> str:
    body = asked(chance.choice(MODELS), user="x" * chance.randrange(0, 30_000))
    return _judge(await ask(client, body, headers))


async def _embedding(client: httpx.AsyncClient, chance: random.Random, headers: Headers) -> str:
    body = {"model": chance.choice(MODELS), "input": ["hello"] * chance.randrange(1, 20)}
    return _judge_beside(await client.post("/v1/embeddings", json=body, headers=dict(headers)), "data")


async def _completion(client: httpx.AsyncClient, chance: random.Random, headers: Headers) -> str:
    body = {"model": chance.choice(MODELS), "prompt": "hello"}
    return _judge_beside(await client.post("/v1/completions", json=body, headers=dict(headers)), "choices")


async def _page(client: httpx.AsyncClient, chance: random.Random, headers: Headers) -> str:
    path = chance.choice(("/v1/models", "/health", "/ready", "/v1/models/test-model", "/nowhere"))
    response = await client.get(path, headers=dict(headers))
    assert response.status_code == (404 if path == "/nowhere" else 200), f"{path} {response.status_code}"
    return f"page {response.status_code}"


async def _mistake(client: httpx.AsyncClient, chance: random.Random, headers: Headers) -> str:
    body, status = chance.choice(_MISTAKES)
    received = await ask(client, body if isinstance(body, bytes) else dict(body), headers)
    assert received.status in (status, 429), f"a mistake was answered {received.status}, not {status}"
    return _judge(received)


_MISTAKES: tuple[tuple[bytes | Mapping[str, Any], int], ...] = (
    (b"{", 400),
    (b"[]", 400),
    (b'{"model": "test-model"}', 400),
    (b"[" * 5000, 400),
    (json.dumps(asked("nobody-serves-this")).encode(), 404),
    (json.dumps(asked(7)).encode(), 400),
)

_KINDS: Mapping[str, tuple[int, _Kind]] = {
    "stream": (35, _stream),
    "plain": (25, _plain),
    "embedding": (8, _embedding),
    "completion": (6, _completion),
    "page": (5, _page),
    "mistake": (6, _mistake),
    "left a stream": (9, _stream),
    "left a plain call": (6, _plain),
}
"""What is asked how often."""


def _judge(received: Received) -> str:
    """The end in a word; AssertionError for what no caller should see."""
    assert received.ended, f"an answer without its end, status {received.status}"
    if received.status != 200:
        return _refusal(received.status, received.headers, received.json)
    if received.is_whole():
        return "whole"
    if received.headers["content-type"].startswith("application/json"):
        assert received.json["choices"][0]["message"]["content"], "an empty answer"
        return "whole"
    if not received.done:
        assert received.error["code"] == "stream_interrupted", f"interrupted by {received.error}"
        assert not received.finish_reasons, "a finish_reason in an interrupted answer"
        return "interrupted, and says so"
    assert received.finish_reasons == ["stop"], f"{received.finish_reasons} in a whole answer"
    return "whole"


def _judge_beside(response: httpx.Response, field_name: str) -> str:
    if response.status_code != 200:
        return _refusal(response.status_code, response.headers, response.json())
    assert response.json()[field_name], "an empty answer"
    return "whole"


def _refusal(status: int, headers: Mapping[str, str], body: Any) -> str:
    assert status in REFUSALS, f"status {status}"
    error = body["error"]
    assert error["code"], error
    assert error["message"], error
    assert "x-request-id" in headers
    if status == 429:
        assert int(headers.get("retry-after", "1")) >= 1
    return f"{status} {error['code']}"
