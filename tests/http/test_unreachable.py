"""Backends whose TLS or whose name fails, through the real process: replaced, or told in time. Those that refuse
connections, or drop them, are rows of the table of faults.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from certificates import certificate
from chat import ask, asked, client_of
from patience import promised
from raw_server import Peer, raw_server
from serving import backend, config, open_router

from continuum.testing.upstream import open_upstream

CONNECTING = "2s"  # which the good one has, too, and on a busy machine
Place = Callable[[], AbstractAsyncContextManager[str]]


async def hang(peer: Peer) -> None:
    await peer.until_left()


async def speak_no_tls(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")


@asynccontextmanager
async def no_tls() -> AsyncGenerator[str]:
    async with raw_server(speak_no_tls) as server:
        yield f"https://127.0.0.1:{server.origin.port}"


@asynccontextmanager
async def silent_in_tls() -> AsyncGenerator[str]:
    """It takes the connection, and says nothing of TLS."""
    async with raw_server(hang) as server:
        yield f"https://127.0.0.1:{server.origin.port}"


@asynccontextmanager
async def untrusted() -> AsyncGenerator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate()["cert_file"], certificate()["key_file"])
    async with raw_server(hang, tls=context) as server:
        yield f"https://127.0.0.1:{server.origin.port}"


@asynccontextmanager
async def unknown_name() -> AsyncGenerator[str]:
    yield "http://nobody-has-this-name.invalid"


# name: where, and what a caller is told when nobody else serves the model
PLACES: Mapping[str, tuple[Place, int, str]] = {
    "silent-in-tls": (silent_in_tls, 504, "upstream_timeout"),
    "no-tls": (no_tls, 502, "upstream_error"),
    "untrusted": (untrusted, 502, "upstream_error"),
    "unknown-name": (unknown_name, 502, "upstream_error"),
}


@asynccontextmanager
async def rig(home: Path) -> AsyncGenerator[tuple[str, Mapping[str, str]]]:
    """A router's URL, and where its backends are. `with/NAME` has a good backend, too; `alone/NAME` has none."""
    async with AsyncExitStack() as stack:
        urls = {name: await stack.enter_async_context(place()) for name, (place, _, _) in PLACES.items()}
        good = await stack.enter_async_context(open_upstream())
        served = [{"id": f"with/{name}", "upstream": "test-model"} for name in PLACES]
        backends: list[dict[str, Any]] = [backend(good.url, "good", models=()) | {"models": served}]
        backends += [backend(url, name, models=[f"with/{name}", f"alone/{name}"]) for name, url in urls.items()]
        configuration = config(
            *backends,
            timeouts={"connection": CONNECTING},
            retry={"max_attempts": 2, "base_delay": "5ms"},
            circuit_breaker={"enabled": False},
        )
        async with open_router(home, configuration) as router:
            yield router.url, urls
            assert "Traceback" not in router.stderr


async def test_another_backend_answers_or_the_caller_is_told_in_time(tmp_path: Path) -> None:
    async with rig(tmp_path) as (url, urls), client_of(url) as client, trio.open_nursery() as nursery:

        async def meet(name: str) -> None:
            attempts = [await replaced(name, stream=stream) for stream in (False, True) for _ in range(2)]
            assert {"2"} <= set(attempts) <= {"1", "2"}, name
            _, status, code = PLACES[name]
            began = trio.current_time()
            told = await ask(client, asked(f"alone/{name}"))
            assert (told.status, told.error["code"], told.headers["x-continuum-attempts"]) == (status, code, "2"), name
            assert trio.current_time() - began < promised(5), name
            assert urls[name].rpartition("//")[2].encode() not in told.raw

        async def replaced(name: str, *, stream: bool) -> str:
            received = await ask(client, asked(f"with/{name}", stream=stream))
            assert received.is_whole(), name
            assert received.headers["x-continuum-backend"] == "good"
            return str(received.headers["x-continuum-attempts"])

        for name in PLACES:
            nursery.start_soon(meet, name)
