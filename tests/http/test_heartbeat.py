"""Streams whose backend is silent: the head and comments go out, failover stays open, and callers set their time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import trio
from chat import CHAT, TEXT, ask, asked, client_of
from patience import PATIENCE_S
from serving import Router, backend, config, open_router
from trio.testing import MockClock

from continuum.http.exchange import KEEP_ALIVE, Exchange
from continuum.http.heartbeat import TICK, keep_alive
from continuum.testing.upstream import END, WORDS, Answer, Completion, Hang, Pause, Raw, Stream, Wait, open_upstream

COMMENT = b": keep-alive\n\n"
ERROR_EVENT = b'data: {"error": {"message": "The model fell over."}}\n\n'


def timeouts(first_byte: str, hold_head: str = "50ms") -> dict[str, Any]:
    return {"request": {"streaming": {"first_byte": first_byte, "hold_head": hold_head}}}


async def test_the_head_goes_out_while_the_backend_thinks(tmp_path: Path) -> None:
    gate = trio.Event()
    async with open_upstream(Stream((Wait(gate), *WORDS))) as upstream:
        configuration = config(backend(upstream.url), timeouts=timeouts("30s"))
        async with (
            open_router(tmp_path, configuration) as router,
            client_of(router.url) as client,
            client.stream("POST", CHAT, json=asked(stream=True)) as response,
        ):
            pieces = response.aiter_raw()
            assert await anext(pieces) == COMMENT
            assert response.status_code == 200
            assert "x-continuum-backend" not in response.headers, "nobody knows yet"
            gate.set()
            rest = b"".join([piece async for piece in pieces])
    assert rest.endswith(b"data: [DONE]\n\n")


async def test_failover_is_still_open_then(tmp_path: Path) -> None:
    async with open_upstream(Raw((Hang(),))) as silent, open_upstream() as good:
        configuration = config(backend(silent.url, "silent"), backend(good.url, "good"), timeouts=timeouts("3s"))
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            received = await ask(client, asked(stream=True))
    assert len(silent.calls) == 1
    assert received.is_whole()
    assert received.text == TEXT
    assert received.raw.startswith(COMMENT)


LATE_ERROR = Stream((Pause(0.5),), role=False, tail=(ERROR_EVENT, END))


@pytest.mark.parametrize(
    ("answer", "code", "first_byte"),
    [(Raw((Hang(),)), "upstream_timeout", "1s"), (LATE_ERROR, "upstream_error", "30s")],
)
async def test_a_failure_then_is_told_in_the_stream(tmp_path: Path, answer: Answer, code: str, first_byte: str) -> None:
    async with open_upstream(answer) as upstream:
        configuration = config(backend(upstream.url), timeouts=timeouts(first_byte), retry={"max_attempts": 1})
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            received = await ask(client, asked(stream=True))
    assert received.status == 200
    assert received.ended
    assert received.raw.startswith(COMMENT)
    assert received.error["code"] == code
    assert not received.done


async def test_a_caller_may_shorten_the_time(tmp_path: Path) -> None:
    async with open_upstream(Raw((Hang(),))) as upstream:
        configuration = config(backend(upstream.url), circuit_breaker={"failure_threshold": 1})
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            for stream in (False, True):
                with trio.fail_after(PATIENCE_S):
                    received = await ask(client, asked(stream=stream), {"x-request-timeout": "0.2"})
                assert (received.status, received.error["code"]) == (504, "upstream_timeout")
                assert received.headers["x-continuum-attempts"] == "1"
            upstream.push(Completion())
            assert (await ask(client, asked())).is_whole(), "its impatience is no fault of the backend's"


async def test_a_caller_may_not_lengthen_it(tmp_path: Path) -> None:
    async with open_upstream(Raw((Hang(),))) as upstream:
        configuration = config(
            backend(upstream.url),
            timeouts={"request": {"standard": {"first_byte": "200ms"}}},
            retry={"max_attempts": 1},
        )
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            with trio.fail_after(PATIENCE_S):
                received = await ask(client, asked(), {"x-request-timeout": "3600"})
    assert received.status == 504


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf", ""])
async def test_a_time_that_is_none(router: Router, value: str) -> None:
    async with client_of(router.url) as client:
        received = await ask(client, asked(), {"x-request-timeout": value})
    assert received.status == 400
    assert "X-Request-Timeout" in received.error["message"]


def test_comments_follow_in_long_silences_and_never_between_the_parts_of_an_answer() -> None:
    """Over a clock that leaps: an exchange that waits, is answered in part, waits again, and ends."""
    sent: list[tuple[float, dict[str, Any]]] = []

    async def send(message: Any) -> None:
        sent.append((trio.current_time() - began, message))
        if message.get("body") == b"slow":
            await trio.sleep(100)  # a client that does not read: nothing may come in between

    async def receive() -> Any:
        await trio.sleep_forever()

    async def main() -> None:
        scope = cast("Any", {"type": "http", "method": "POST", "headers": []})
        exchange = Exchange(scope, receive, send)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_alive, {exchange})
            exchange.hold_head([(b"content-type", b"text/event-stream")], 10)
            await trio.sleep(40.5)
            await exchange.start(200, [(b"too", b"late")])
            await exchange.write(b"slow", more=True)
            await trio.sleep(KEEP_ALIVE + 2 * TICK)
            await exchange.write(b"end", more=False)
            await trio.sleep(100)
            nursery.cancel_scope.cancel()

    began = 0.0
    clock = MockClock(autojump_threshold=0)
    began = clock.current_time()
    trio.run(main, clock=clock)
    heads = [message for _, message in sent if message["type"] == "http.response.start"]
    assert [head["headers"][0] for head in heads] == [(b"content-type", b"text/event-stream")]
    times = [(round(at), message["body"]) for at, message in sent if "body" in message]
    assert times == [(10, COMMENT), (25, COMMENT), (40, COMMENT), (40, b"slow"), (156, COMMENT), (156, b"end")]
