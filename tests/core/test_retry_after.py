"""How long backends ask to be left alone, in all the ways they say so, and what comes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.config import from_mapping
from continuum.core import Call, Operation
from continuum.core.retry_after import retry_after
from continuum.dialects import DIALECTS
from continuum.dialects.openai_chat import ErrorView, open_envelope, read_error
from continuum.errors import AttemptsExhausted, RateLimited
from continuum.runtime import Instance, open_instance
from continuum.testing.upstream import Completion, Plain, open_upstream, openai

NOTHING = ErrorView("")
GOOGLE: dict[str, Any] = {
    "error": {
        "code": 429,
        "message": "Quota exceeded.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"},
        ],
    }
}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "86400"}, 60),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "30", "retry-after-ms": "1250"}, 1.25),
        ({"x-ratelimit-reset-requests": "6m0s"}, 60),
        ({"x-ratelimit-reset-requests": "120ms", "x-ratelimit-reset-tokens": "1.5s"}, 0.12),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-reset-tokens": "1m30s",
                "x-ratelimit-remaining-tokens": "0",
            },
            60,
        ),
        ({"x-ratelimit-reset-requests": "12", "x-ratelimit-reset-tokens": "whenever"}, 12),
    ],
)
def test_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOTHING, longest=60) == seconds


def test_a_date() -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    found = retry_after({"retry-after": when}, NOTHING, longest=60)
    assert found is not None
    assert 28 < found <= 30


@pytest.mark.parametrize("wrapped", [False, True])
def test_googles_body(wrapped: bool) -> None:  # noqa: FBT001 - pytest's parameter
    error = read_error(json.dumps([GOOGLE] if wrapped else GOOGLE).encode())
    assert retry_after({}, error, longest=60) == 34.5
    assert retry_after({"retry-after": "2"}, error, longest=60) == 2


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens"]), st.text()))
def test_whatever_is_said_it_is_a_time_or_none(headers: dict[str, str]) -> None:
    found = retry_after(headers, NOTHING, longest=60)
    assert found is None or 0 <= found <= 60


def running(*urls: str, **retry: Any) -> Any:
    backends = [
        {"name": f"b{number}", "type": "openai", "url": url, "models": ["m"]} for number, url in enumerate(urls)
    ]
    return open_instance(from_mapping({"backends": backends, "health_checks": {"enabled": False}, "retry": retry}))


async def call(instance: Instance) -> str:
    envelope = open_envelope(b'{"model": "m", "messages": []}')
    request = Call.of_body(Operation.CHAT, DIALECTS["openai_chat"], envelope, request_id="test")
    async with await instance.engine.open(request) as reply:
        return reply.backend


async def test_an_overloaded_backend_is_spared_while_another_is_there() -> None:
    async with open_upstream() as tired, open_upstream() as fresh, running(tired.url, fresh.url) as instance:
        tired.push(Plain(openai.error("Overloaded."), 529, (("retry-after", "30"),)))
        assert [await call(instance) for _ in range(6)] == ["b1"] * 6
        assert len(tired.calls) == 1
        await fresh.go_down()
        assert await call(instance) == "b0", "alone it is asked all the same"


async def test_a_caller_is_told_rather_than_kept_waiting() -> None:
    busy = Plain(openai.error("Busy."), 503, (("retry-after", "45"),))
    async with open_upstream(busy) as upstream, running(upstream.url) as instance:
        with pytest.raises(AttemptsExhausted) as caught:
            await call(instance)
    assert (len(upstream.calls), caught.value.retry_after) == (1, 45)


async def test_a_short_wait_is_waited() -> None:
    async with open_upstream(Completion()) as upstream, running(upstream.url) as instance:
        upstream.push(Plain(openai.error("Busy."), 503, (("retry-after-ms", "300"),)))
        assert await call(instance) == "b0"
        first, second = upstream.calls
    assert second.at - first.at >= 0.3


async def test_all_rest_and_the_smallest_remainder_is_told() -> None:
    answers = [Plain(openai.error("No."), 429, (("retry-after", str(wait)),)) for wait in (40, 8, 25)]
    async with (
        open_upstream(answers[0]) as one,
        open_upstream(answers[1]) as two,
        open_upstream(answers[2]) as three,
        running(one.url, two.url, three.url, max_retry_after="20s") as instance,
    ):
        for _ in range(3):
            with pytest.raises(RateLimited) as caught:
                await call(instance)
            assert caught.value.retry_after is not None
            assert 0 < caught.value.retry_after <= 8
        assert sum(len(each.calls) for each in (one, two, three)) == 3
        wakes = [backend.keys.wakes_at() for backend in instance.pool.backends]
        assert max(wakes) - min(wakes) < 15, "a longer rest than is believed"
