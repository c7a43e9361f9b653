"""What passes through the router, both ways, and what stops here."""

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from chat import CHAT, TEXT, Received, ask, asked, client_of, event_data
from serving import BACKEND_KEY, CLIENT_KEY, Router, backend, config, open_router

from continuum.testing.upstream import Completion, Hang, Plain, Stream, Upstream, open_upstream

# Odd spacing, key order, escapes, big numbers and fields nobody knows.
REQUEST = (
    b'{ "vendor_field" : {"a":[1,2.50,1e3,123456789012345678901]},\n'
    b'"messages":[{"role":"user","content":"caf\\u00e9 \xf0\x9f\x99\x82 \\/ test-model"}],"model" : "test-model" }'
)
ANSWER = (
    b'{ "vendor":{"z":1.50,"a":[]}, "choices" : [{"index":0,"message":{"role":"assistant","content":"h\\u00e9",'
    b'"vendor_note":"kept"},"finish_reason":"stop"}],\n "model":"test-model" }\n'
)


@asynccontextmanager
async def rig(home: Path, **more: Any) -> AsyncGenerator[tuple[Upstream, Router, httpx.AsyncClient]]:
    async with (
        open_upstream() as upstream,
        open_router(home, config(backend(upstream.url, **more))) as router,
        client_of(router.url) as client,
    ):
        yield upstream, router, client


async def test_bytes_go_through_both_ways(tmp_path: Path) -> None:
    async with rig(tmp_path) as (upstream, _, client):
        upstream.push(Plain(ANSWER))
        received = await ask(client, REQUEST)
    assert upstream.calls[0].body == REQUEST
    assert received.raw == ANSWER


async def test_only_the_model_is_renamed(tmp_path: Path) -> None:
    """Order and every number as written; the space around the outermost fields is nobody's."""

    def written(body: bytes) -> list[tuple[str, object]]:
        return list(json.loads(body, parse_int=str, parse_float=str).items())

    async with rig(tmp_path, models=[{"id": "test-model", "upstream": "served-name"}]) as (upstream, _, client):
        upstream.push(Plain(ANSWER))
        received = await ask(client, REQUEST)
    sent = upstream.calls[0].body
    assert written(sent) == written(REQUEST.replace(b'"model" : "test-model"', b'"model" : "served-name"'))
    assert b'[{"role":"user","content":"caf\\u00e9 \xf0\x9f\x99\x82 \\/ test-model"}]' in sent
    assert received.raw == ANSWER, "the upstream's own model value is passed through"
    assert received.headers["x-continuum-model"] == "test-model"


async def test_events_are_not_written_anew(tmp_path: Path) -> None:
    event = '{"choices": [ {"index":0,"delta":{"content":"h\\u00e9 🙂","vendor":1.50}} ],"vendor":{"z":1,"a":2}}'
    async with rig(tmp_path) as (upstream, _, client):
        upstream.push(Stream((f"data: {event}\n\n".encode(), "end")))
        received = await ask(client, asked(stream=True))
    assert event in event_data(received.raw)
    assert received.headers["content-type"].startswith("text/event-stream")


async def test_usage_is_asked_for_and_kept_from_who_did_not(tmp_path: Path) -> None:
    async with rig(tmp_path) as (upstream, _, client):
        silent = await ask(client, asked(stream=True))
        curious = await ask(client, asked(stream=True, usage=True))
        declined = await ask(client, {**asked(stream=True), "stream_options": {"include_usage": False}})
    assert [call.wants_usage for call in upstream.calls] == [True, True, True]
    assert [any(event.get("usage") for event in each.events) for each in (silent, curious, declined)] == [
        False,
        True,
        False,
    ]
    assert all(each.is_whole() for each in (silent, curious, declined))


async def test_a_request_chooses_no_address_and_no_credential(tmp_path: Path) -> None:
    async with open_upstream() as elsewhere, rig(tmp_path) as (upstream, _, client):
        named: dict[str, Any] = {
            "api_base": elsewhere.url,
            "base_url": elsewhere.url,
            "api_key": "sk-chosen-by-the-body",
        }
        assert (await ask(client, asked(**named))).is_whole()
    assert elsewhere.requests == []
    assert not named.keys() & upstream.calls[0].json.keys()


async def test_the_backends_key_goes_out_and_the_clients_does_not(tmp_path: Path) -> None:
    planted = {
        "authorization": f"Bearer {CLIENT_KEY}",
        "x-api-key": CLIENT_KEY,
        "api-key": CLIENT_KEY,
        "x-goog-api-key": CLIENT_KEY,
        "cookie": f"session={CLIENT_KEY}",
        "x-anything": CLIENT_KEY,
        "x-forwarded-for": "10.0.0.1",
    }
    async with rig(tmp_path) as (upstream, _, client):
        assert (await ask(client, asked(), planted)).is_whole()
    (call,) = upstream.calls
    assert call.header("authorization") == f"Bearer {BACKEND_KEY}"
    assert CLIENT_KEY not in str(call.headers)
    assert not set(planted) - {"authorization"} & {name for name, _ in call.headers}


async def test_a_backend_without_a_key_gets_none(tmp_path: Path) -> None:
    async with rig(tmp_path, api_key=None) as (upstream, _, client):
        assert (await ask(client, asked(), {"authorization": f"Bearer {CLIENT_KEY}"})).is_whole()
    assert upstream.calls[0].header("authorization") is None


async def test_the_upstreams_headers_stop_here(tmp_path: Path) -> None:
    told = (
        ("set-cookie", "a=b"),
        ("x-upstream", "1"),
        ("server", "upstream"),
        ("x-request-id", "req-of-the-upstream"),
        ("x-continuum-backend", "forged"),
        ("connection", "keep-alive, x-upstream"),
    )
    async with rig(tmp_path) as (upstream, _, client):
        upstream.push(Plain(ANSWER, headers=told), Stream(headers=told))
        for stream in (False, True):
            received = await ask(client, asked(stream=stream))
            assert received.headers["server"] == "continuum"
            assert received.headers["x-continuum-backend"] == "alpha"
            assert received.headers["x-continuum-model"] == "test-model"
            assert received.headers["x-continuum-attempts"] == "1"
            assert received.headers["x-request-id"] != "req-of-the-upstream"
            assert not {"set-cookie", "x-upstream"} & received.headers.keys()


async def test_a_backend_may_be_named_before_the_model(tmp_path: Path) -> None:
    async with open_upstream() as one, open_upstream() as two:
        configuration = config(backend(one.url, "one"), backend(two.url, "two"))
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            for _ in range(3):
                received = await ask(client, asked("two/test-model"))
                assert (received.text, received.headers["x-continuum-backend"]) == (TEXT, "two")
    assert one.calls == []
    assert {call.model for call in two.calls} == {"test-model"}


async def test_models_of_an_unlisted_backend_are_discovered(tmp_path: Path) -> None:
    async with open_upstream(models=["found-1", "found/2"]) as upstream:
        configuration = config(backend(upstream.url, models=(), type="generic"))
        async with open_router(tmp_path, configuration) as router, client_of(router.url) as client:
            assert (await ask(client, asked("found/2"))).is_whole()
            listed: dict[str, Any] = (await client.get("/v1/models")).json()
    assert {model["id"] for model in listed["data"]} == {"found-1", "found/2"}


SANE_IDS = ["a", "req-1234", "0f8fad5b-d9cb-469f-a165-70867728950e", "A.b_c:1"]
ODD_IDS = ["x" * 300, "with space", 'quo"te', "<script>", "semi;colon\tx"]


@pytest.mark.parametrize("sent", SANE_IDS)
async def test_a_sane_request_id_is_kept(router: Router, sent: str) -> None:
    async with client_of(router.url) as client:
        answer = await ask(client, asked(), {"x-request-id": sent})
        refusal = await ask(client, b"{", {"x-request-id": sent})
    assert answer.headers["x-request-id"] == refusal.headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ODD_IDS)
async def test_an_odd_request_id_is_replaced(router: Router, sent: str) -> None:
    async with client_of(router.url) as client:
        received = await ask(client, asked(), {"x-request-id": sent})
    assert received.headers["x-request-id"] != sent
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,200}", received.headers["x-request-id"])


async def test_request_ids_are_made_and_differ(router: Router) -> None:
    async with client_of(router.url) as client:
        answers: list[Received] = [await ask(client, asked()) for _ in range(3)]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3


async def test_one_connection_serves_many_requests(router: Router) -> None:
    """Kept alive after answers, refusals and streams alike."""
    bodies = (asked(), asked(stream=True), asked("nobody-serves-this"), asked("alone/gzip", stream=True))
    ports: set[object] = set()
    async with client_of(router.url) as client:
        for body in bodies:
            async with client.stream("POST", CHAT, json=body) as response:
                await response.aread()
                ports.add(response.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(ports) == 1


async def test_upstream_connections_are_used_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as (upstream, _, client):
        for number in range(10):
            assert (await ask(client, asked(stream=number % 2 == 0))).is_whole()
    assert len(upstream.connections) == 1


async def test_the_access_log_says_how_it_ended(tmp_path: Path) -> None:
    async with rig(tmp_path) as (upstream, router, client):
        upstream.push(Plain({}, 400), Completion(), Completion(), Stream(("one", Hang())))
        statuses = [(await ask(client, asked(stream=stream))).status for stream in (False, False, True)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, client, asked(stream=True))
            while (await upstream.next_call()).order < 4:
                pass
            nursery.cancel_scope.cancel()
        await trio.to_thread.run_sync(router.wait_for_line, "status=499 ")
    assert statuses == [400, 200, 200]
    assert "backend=alpha" in router.stderr
    logged = re.findall(rf"route={CHAT} status=(\d+) ", router.stderr)
    assert logged == ["400", "200", "200", "499"]
