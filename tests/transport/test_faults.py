"""A server that cuts, stalls, resets and pipelines, at every byte and in any pieces: never a wrong answer, and
nothing is left behind.
"""

import ssl
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal

import pytest
import trio
import trio.testing
from answers import GOOD, Row
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE_S
from raw_server import Peer, RawServer, raw_server

from continuum.backends.transport import Http1Transport
from continuum.errors import UpstreamProtocolError

End = Literal["close", "reset", "stall", "go on"]
Found = tuple[int, bytes] | None

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
AFTER = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nafter"
FOREIGN = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong"
EVERY_BYTE = ("a length", "chunks", "the connection's end", "HEAD with a length", "interim answers")


@dataclass
class Script:
    """What the server does about one request: these bytes, in pieces cut at the edges, then an end."""

    wire: bytes
    end: End
    edges: tuple[int, ...] = ()


class Bench:
    """A server that follows one script, then answers AFTER to whatever else comes."""

    def __init__(self) -> None:
        self.script: Script | None = None
        self.stalled = trio.Event()
        self.server: RawServer

    async def handle(self, peer: Peer) -> None:
        while await peer.request():
            script, self.script = self.script, None
            if script is None:
                await peer.send(AFTER)
                continue
            edges = sorted({0, len(script.wire), *(edge for edge in script.edges if edge < len(script.wire))})
            for start, stop in pairwise(edges):
                await peer.send(script.wire[start:stop])
            if script.end == "stall":
                self.stalled.set()
            elif script.end == "reset":
                peer.reset()
                return
            elif script.end == "close":
                return

    async def suffer(self, row: Row, script: Script, *, reused: bool) -> Found:
        """What came of one request, None where that is an error; a server that stalls is left when it does.

        Whatever came: the transport works afterwards, and leaves nothing behind.
        """
        transport = Http1Transport(NO_TLS, keepalive=2, idle=60, connect_timeout=30, limit=1)
        ask = partial(_ask, transport, self.server)
        if reused:
            assert await ask() == (200, b"after")
        self.script, self.stalled = script, trio.Event()
        found: Found = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_leave, self.stalled, nursery.cancel_scope)
            try:
                found = await ask(row.method)
            except UpstreamProtocolError as fault:
                assert type(fault) is UpstreamProtocolError  # noqa: PT017 - a stale connection is no caller's business
            nursery.cancel_scope.cancel()
        assert await ask() == (200, b"after")
        await transport.aclose()
        assert not transport.counts()
        return found


async def _ask(transport: Http1Transport, server: RawServer, method: str = "POST") -> tuple[int, bytes]:
    answer = await transport.send(server.origin, method, "/", [], b"")
    body = b""
    try:
        while piece := await answer.receive():
            body += piece
    finally:
        await answer.aclose()
    return answer.status, body


async def _leave(stalled: trio.Event, scope: trio.CancelScope) -> None:
    await stalled.wait()
    await trio.testing.wait_all_tasks_blocked()  # everything that was sent has been read
    scope.cancel()


def expected(row: Row, cut: int, end: End, *, reused: bool) -> tuple[Found, ...]:
    """What may come of an answer of which only `cut` bytes were sent."""
    whole = (row.status, row.body)
    if cut == len(row.wire) and (not row.ends or end == "close"):
        return (whole, None) if end == "reset" else (whole,)
    if row.ends and end == "close" and cut >= len(row.head):
        return ((row.status, row.body[: cut - len(row.head)]),)
    if reused and cut == 0 and end != "stall":  # tried again, and nobody need know
        return ((200, b"" if row.method == "HEAD" else b"after"),)
    return (None,)


@pytest.mark.parametrize("reused", [False, True])
@pytest.mark.parametrize("name", EVERY_BYTE)
async def test_an_end_at_every_byte(name: str, reused: bool) -> None:  # noqa: FBT001 - pytest's parameter
    row, bench = GOOD[name], Bench()
    ends: tuple[End, ...] = ("close", "reset", "stall")
    async with raw_server(bench.handle) as bench.server:
        for cut in range(len(row.wire) + 1):
            for end in ends:
                found = await bench.suffer(row, Script(row.wire[:cut], end), reused=reused)
                assert found in expected(row, cut, end, reused=reused), (cut, end)
        await bench.server.all_closed()


@given(
    row=st.sampled_from(list(GOOD.values())),
    cut=st.integers(0, 200),
    end=st.sampled_from(["close", "reset", "stall"]),
    edges=st.lists(st.integers(0, 200), max_size=20),
    reused=st.booleans(),
)
def test_an_end_anywhere_in_any_pieces(row: Row, cut: int, end: End, edges: list[int], reused: bool) -> None:  # noqa: FBT001 - hypothesis'
    cut = min(cut, len(row.wire))

    async def meet() -> None:
        bench = Bench()
        async with raw_server(bench.handle) as bench.server:
            found = await bench.suffer(row, Script(row.wire[:cut], end, tuple(edges)), reused=reused)
            assert found in expected(row, cut, end, reused=reused)
            with trio.fail_after(PATIENCE_S):
                await bench.server.all_closed()

    trio.run(meet)


@pytest.mark.parametrize("name", ["a length", "chunks", "HEAD with a length", "204", "an empty body"])
async def test_what_nobody_asked_for_is_nobodys_answer(name: str) -> None:
    """After each answer a part of another follows: it must not be taken for the next request's."""
    row, bench = GOOD[name], Bench()
    async with raw_server(bench.handle) as bench.server:
        for surplus in (*(FOREIGN[:size] for size in range(1, len(FOREIGN) + 1)), b"garbage", b"\0"):
            found = await bench.suffer(row, Script(row.wire + surplus, "go on"), reused=False)
            assert found == (row.status, row.body), surplus
        await bench.server.all_closed()
