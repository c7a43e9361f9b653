"""Two backends, one of which fails in each way there is before the first content, behind the real process without
breakers: every other request meets the fault, and no client does.

`.ci/long` sends a thousand requests at each fault over 64 connections, the suite a few.
"""

from __future__ import annotations

import json
import ssl
from collections import Counter

import pytest
import trio
from chat import CHAT, TEXT
from hypothesis import settings
from serving import Router

from continuum.backends.transport import Http1Transport, Origin
from continuum.chat import Fold
from continuum.dialects import DIALECTS
from continuum.dialects.framing import SSEParser
from continuum.testing.upstream import FAULTS, Promise

DIALECT = DIALECTS["openai_chat"]
EARLY = {name: fault for name, fault in FAULTS.items() if fault.promise is Promise.REPLACED}
SILENT = [name for name, fault in EARLY.items() if fault.silent]
HEADERS = [(b"content-type", b"application/json")]
RESTS = {"status-401", "status-403", "status-429"}
"""After one of these the backend's key rests, and most requests go elsewhere at once."""


def scale() -> tuple[int, int]:
    """Requests, and connections at a time."""
    return (1000, 64) if settings.get_current_profile_name() == "long" else (8, 4)


def text_of(body: bytes, *, stream: bool) -> str:
    if not stream:
        return DIALECT.read_response(body).text
    parser, folder, reader = SSEParser(), Fold(), DIALECT.reader()
    payloads = [event.data for event in (*parser.feed(body), *parser.close())]
    assert payloads.pop() == b"[DONE]"
    for payload in payloads:
        for event in reader.read(payload):
            folder.add(event)
    return folder.response.text


async def ask(transport: Http1Transport, origin: Origin, name: str, *, stream: bool) -> int:
    """One request, whose answer must be the good backend's; how many attempts it took."""
    body = {"model": f"fault/{name}", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    answer = await transport.send(origin, "POST", CHAT, HEADERS, json.dumps(body).encode())
    received = b""
    try:
        while piece := await answer.receive():
            received += piece
    finally:
        await answer.aclose()
    assert (answer.status, answer.headers.get("x-continuum-backend")) == (200, "good"), received
    assert text_of(received, stream=stream) == TEXT
    return int(answer.headers["x-continuum-attempts"])


async def assert_unseen(router: Router, name: str) -> None:
    """So many requests, plain and streamed as the fault is, and every one of them answered."""
    fault, (requests, connections) = EARLY[name], scale()
    origin, attempts = Origin.of(router.url)[0], Counter[int]()
    transport = Http1Transport(
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), keepalive=connections, idle=60, connect_timeout=30
    )
    left = iter(range(requests))

    async def work() -> None:
        for number in left:
            stream = fault.stream and (number % 2 == 0 or not fault.plain)
            attempts[await ask(transport, origin, name, stream=stream)] += 1

    async with trio.open_nursery() as nursery:
        for _ in range(connections):
            nursery.start_soon(work)
    await transport.aclose()
    assert attempts.total() == requests
    assert attempts[2] >= requests // 4 or name in RESTS, attempts


@pytest.mark.hypothesis
@pytest.mark.parametrize("name", [name for name in EARLY if name not in SILENT])
async def test_no_client_sees_the_fault(patient_router: Router, name: str) -> None:
    await assert_unseen(patient_router, name)


@pytest.mark.hypothesis
@pytest.mark.parametrize("names", [SILENT[::3], SILENT[1::3], SILENT[2::3]], ids="-".join)
async def test_no_client_sees_a_silence(router: Router, names: list[str]) -> None:
    """Some at once, since each takes its time."""
    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(assert_unseen, router, name)
