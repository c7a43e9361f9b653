"""Rate limits through the real process: who is counted as whom, what a refusal says, what an answer's headers say."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import trio
from chat import Received, ask, asked, client_of
from openai.types.chat import ChatCompletionMessageParam
from serving import backend, config, open_router

from continuum.testing.upstream import Completion, Hang, Plain, Stream, Upstream, Wait, open_upstream

USED = 17  # tokens of the scripted upstream's ordinary answer
KEYS = [
    {"key": "sk-one", "id": "one"},
    {"key": "sk-own", "id": "own", "rate_limit": 2, "tokens_per_minute": 5000},
    {"key": "sk-free", "id": "free"},
]
HEADERS = {f"x-ratelimit-{what}-{unit}" for what in ("limit", "remaining", "reset") for unit in ("requests", "tokens")}
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
A_DURATION = re.compile(r"(\d+h)?(\d+m)?\d+(\.\d+)?s|\d+ms")


@asynccontextmanager
async def limited(
    home: Path, upstream: Upstream, section: Mapping[str, Any], **more: Mapping[str, Any]
) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of a router whose limits are these."""
    rate_limiting = {"enabled": True, **section}
    alpha = backend(upstream.url, models=["test-model", "other-model"])
    more = {"api_keys": {"api_keys": KEYS}, "retry": {"max_attempts": 1}, **more}
    settings = config(alpha, rate_limiting=rate_limiting, **more)
    async with open_router(home, settings) as router, client_of(router.url) as client:
        yield client
    assert "Traceback" not in router.stderr


def key(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer sk-{name}"}


def came_from(*addresses: str) -> dict[str, str]:
    return {"x-forwarded-for": ", ".join(addresses)}


def refused(received: Received, words: str) -> None:
    """A whole refusal, in OpenAI's form."""
    assert received.status == 429
    assert received.error["code"] == "rate_limit_exceeded"
    assert received.error["type"] == "rate_limit_error"
    assert words in received.error["message"]
    assert int(received.headers["retry-after"]) >= 1
    for name in HEADERS & received.headers.keys():
        assert A_DURATION.fullmatch(received.headers[name]) if "reset" in name else received.headers[name].isdigit()


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"requests_per_minute": 2}, "2 requests per minute for this client"),
        ({"limits": {"per_client": {"requests_per_minute": 2}}}, "2 requests per minute for this client"),
        ({"limits": {"per_api_key": {"requests_per_minute": 2}}}, "2 requests per minute for this API key"),
        ({"limits": {"per_model": {"requests_per_minute": 2}}}, "2 requests per minute for this model"),
        ({"limits": {"per_backend": {"requests_per_minute": 2}}}, "Every backend of this model is at its limit"),
        ({"limits": {"global": {"requests_per_minute": 2}}}, "2 requests per minute for all callers together"),
        (
            {"limits": {"global": {"requests_per_second": 0.01, "burst_capacity": 2}}},
            "0.01 requests per second for all callers together",
        ),
        # 17 tokens were used twice, and the estimate of a third is over what is left.
        ({"limits": {"per_client": {"tokens_per_minute": 300}}}, "300 tokens per minute for this client"),
    ],
)
async def test_each_limit(tmp_path: Path, section: Mapping[str, Any], words: str) -> None:
    per_key = "API key" in words
    async with open_upstream() as upstream, limited(tmp_path, upstream, section) as client:
        who = key("one") if per_key else {}
        for _ in range(2):
            assert (await ask(client, asked(), who)).is_whole()
        received = await ask(client, asked(), who)
        refused(received, words)
        assert (await ask(client, asked(stream=True), who)).status == 429, "a stream is refused before it begins"
        others = "global" in str(section) or "backend" in str(section)
        assert (await ask(client, asked("other-model"), who)).status == (429 if others or "model" not in words else 200)
        if "model" not in words and "callers" not in words:
            assert any(name.startswith("x-ratelimit-remaining") for name in received.headers)
        assert len(upstream.calls) == (3 if words.endswith("this model") else 2), "who is refused reaches no backend"


async def test_answers_say_where_their_caller_stands(tmp_path: Path) -> None:
    limits = {"per_api_key": {"requests_per_minute": 60, "burst_capacity": 5, "tokens_per_minute": 6000}}
    async with open_upstream() as upstream, limited(tmp_path, upstream, {"limits": limits}) as client:
        first = await ask(client, asked(max_tokens=100), key("one"))
        assert first.headers.keys() >= HEADERS
        assert first.headers["x-ratelimit-limit-requests"] == "5"
        assert first.headers["x-ratelimit-remaining-requests"] == "4"
        assert first.headers["x-ratelimit-reset-requests"] == "1s"
        assert first.headers["x-ratelimit-limit-tokens"] == "6000"
        left = int(first.headers["x-ratelimit-remaining-tokens"])
        assert 5850 < left < 5900, "the prompt's estimate and max_tokens"
        assert A_DURATION.fullmatch(first.headers["x-ratelimit-reset-tokens"])
        second = await ask(client, asked(stream=True, max_tokens=100), key("one"))
        assert second.is_whole()
        assert int(second.headers["x-ratelimit-remaining-tokens"]) >= left - USED - 10, "settled with what was used"
        upstream.push(Plain({"error": {"message": "no"}}, 500))
        failed = await ask(client, asked(), key("one"))
        assert failed.status == 502
        assert failed.headers.keys() >= HEADERS
        assert HEADERS.isdisjoint((await ask(client, asked())).headers), "nothing limits who shows no key"


@pytest.mark.parametrize("stream", [False, True])
async def test_tokens_are_settled_with_real_usage(tmp_path: Path, *, stream: bool) -> None:
    """Estimates of 900 and more: only because each is given back can ten calls pass in a minute of 1,000."""
    limits = {"per_client": {"tokens_per_minute": 1000}}
    async with open_upstream() as upstream, limited(tmp_path, upstream, {"limits": limits}) as client:
        for _ in range(4):
            assert (await ask(client, asked(stream=stream, max_tokens=900))).is_whole()
        received = await ask(client, asked(max_tokens=1000))
        refused(received, "1000 tokens per minute")
        left = int(received.headers["x-ratelimit-remaining-tokens"])
        assert 1000 - 4 * USED <= left < 1000 - 3 * USED
        embeddings = {"model": "test-model", "input": "x"}
        assert (await client.post("/v1/embeddings", json=embeddings)).status_code == 200


async def test_a_client_that_leaves_gives_back_what_it_did_not_use(tmp_path: Path) -> None:
    limits = {"per_client": {"tokens_per_minute": 1000, "max_in_flight": 1}}
    async with (
        open_upstream(Stream(("one", Hang()))) as upstream,
        limited(tmp_path, upstream, {"limits": limits}) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(ask, client, asked(stream=True, max_tokens=800))
        call = await upstream.next_call()
        upstream.push(Completion())
        refused(await ask(client, asked(max_tokens=1)), "1 request at a time for this client")
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await call.aborted()
            received = await ask(client, asked(max_tokens=1))
            while received.status == 429:  # the router may give the slot back a moment after the upstream has seen it
                received = await ask(client, asked(max_tokens=1))
            assert int(received.headers["x-ratelimit-remaining-tokens"]) > 900


async def test_a_full_backend_is_passed_over(tmp_path: Path) -> None:
    gate = trio.Event()
    async with open_upstream(Completion(before=(Wait(gate),))) as first, open_upstream() as second:
        settings = config(
            backend(first.url, "alpha"),
            backend(second.url, "beta", max_in_flight=1),
            rate_limiting={"enabled": True, "limits": {"per_backend": {"max_in_flight": 1}}},
        )
        async with open_router(tmp_path, settings) as router, client_of(router.url) as client:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, client, asked())
                await first.next_call()
                for _ in range(3):
                    received = await ask(client, asked())
                    assert received.headers["x-continuum-backend"] == "beta"
                    assert received.headers["x-continuum-attempts"] == "1", "not tried: no attempt"
                second.push(Completion(before=(Wait(gate),)))
                nursery.start_soon(ask, client, asked())
                while len(second.calls) < 4:
                    await second.next_call()
                refused(await ask(client, asked()), "Every backend of this model is at its limit")
                gate.set()
            assert (await ask(client, asked())).is_whole(), "the slots came back"


async def test_keys_with_limits_of_their_own(tmp_path: Path) -> None:
    section = {
        "limits": {"per_api_key": {"requests_per_minute": 1}, "per_client": {"requests_per_minute": 3}},
        "bypass_keys": ["free"],
    }
    async with open_upstream() as upstream, limited(tmp_path, upstream, section) as client:

        async def statuses(headers: Mapping[str, str]) -> list[int]:
            return [(await ask(client, asked(), headers)).status for _ in range(4)]

        assert await statuses(key("one")) == [200, 429, 429, 429]
        assert await statuses(key("own")) == [200, 200, 429, 429], "its own limit wins"
        assert await statuses(key("free")) == [200] * 4
        assert await statuses(key("unknown")) == [200, 200, 200, 429], "by its address"


async def test_a_keys_own_limit_holds_without_the_section(tmp_path: Path) -> None:
    async with open_upstream() as upstream, limited(tmp_path, upstream, {"enabled": False}) as client:
        own = [await ask(client, asked(), key("own")) for _ in range(3)]
        assert [received.status for received in own] == [200, 200, 429]
        assert own[0].headers["x-ratelimit-limit-requests"] == "2"
        assert own[0].headers["x-ratelimit-limit-tokens"] == "5000"
        assert [(await ask(client, asked(), key("one"))).status for _ in range(3)] == [200] * 3


async def test_a_key_without_a_limit_is_counted_by_its_address(tmp_path: Path) -> None:
    async with open_upstream() as upstream, limited(tmp_path, upstream, {"requests_per_minute": 1}) as client:
        assert (await ask(client, asked(), key("one"))).status == 200
        refused(await ask(client, asked(), key("free")), "for this client")


async def test_addresses_behind_trusted_proxies(tmp_path: Path) -> None:
    section = {"requests_per_minute": 1, "whitelist": ["192.0.2.0/24", "2001:db8:1::/48"]}
    proxies = {"trusted_proxies": ["127.0.0.1", "10.0.0.0/8"]}
    async with open_upstream() as upstream, limited(tmp_path, upstream, section, server=proxies) as client:

        async def status(*addresses: str) -> int:
            return (await ask(client, asked(), came_from(*addresses))).status

        assert await status("203.0.113.1") == 200
        assert await status("203.0.113.2") == 200
        assert await status("203.0.113.1") == 429
        assert await status("203.0.113.1:4711") == 429, "with a port it is the same"
        assert await status("203.0.113.1", "10.1.2.3") == 429, "through two proxies, too"
        assert await status("198.51.100.7", "203.0.113.1") == 429, "what a client writes itself is not read"
        assert await status("192.0.2.7", "203.0.113.1") == 429, "nor does it come from the whitelist"
        assert await status("nonsense") == 200, "the proxy itself"
        assert await status("garbage", "10.9.9.9") == 200, "the last that is known"
        assert await status("garbage again", "10.9.9.9") == 429
        assert await status("2001:db8::1") == 200
        assert await status("2001:db8::2") == 429, "one customer's network counts as one client"
        for address in ("192.0.2.7", "192.0.2.7", "2001:db8:1:2::3", "2001:db8:1:2::3", "::ffff:192.0.2.9"):
            assert await status(address) == 200, "on the whitelist"


async def test_nobody_else_chooses_its_address(tmp_path: Path) -> None:
    async with open_upstream() as upstream, limited(tmp_path, upstream, {"requests_per_minute": 1}) as client:
        assert (await ask(client, asked(), came_from("203.0.113.1"))).status == 200
        assert (await ask(client, asked(), came_from("203.0.113.2"))).status == 429


async def test_openai_python_understands(tmp_path: Path) -> None:
    """The error's class, code and headers; and its one retry, after as long as it was told to wait, is let through."""
    limits = {"per_api_key": {"requests_per_minute": 15, "burst_capacity": 1, "tokens_per_minute": 10_000}}
    async with (
        open_upstream() as upstream,
        limited(tmp_path, upstream, {"limits": limits}) as plain,
        openai.DefaultAsyncHttpxClient(trust_env=False) as http,
    ):
        base = str(plain.base_url).rstrip("/") + "/v1"
        client = openai.AsyncOpenAI(base_url=base, api_key="sk-one", max_retries=0, http_client=http)
        raw = await client.chat.completions.with_raw_response.create(model="test-model", messages=HELLO)
        assert raw.headers["x-ratelimit-remaining-requests"] == "0"
        with pytest.raises(openai.RateLimitError) as caught:
            await client.chat.completions.create(model="test-model", messages=HELLO)
        assert caught.value.code == "rate_limit_exceeded"
        headers = caught.value.response.headers
        assert set(headers.keys()) >= HEADERS
        assert 1 <= int(headers["retry-after"]) <= 4
        assert headers["x-ratelimit-limit-requests"] == "1"
        assert headers["x-ratelimit-remaining-requests"] == "0"
        again = await client.with_options(max_retries=1).chat.completions.create(model="test-model", messages=HELLO)
        assert again.choices[0].message.content
        assert len(upstream.calls) == 2
