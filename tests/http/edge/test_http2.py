"""HTTP/2 against clients that mean harm: requests taken back as fast as they are made, streams that are never read."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
import trio
from certificates import authority, certificate
from chat import CHAT, Received, ask, asked, client_of
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE_S
from proc import cpu_seconds
from serving import backend, config, open_router

from continuum.config import from_mapping
from continuum.http.edge.connection import Connection, Shared
from continuum.http.edge.frames import Frame, FrameReader
from continuum.http.edge.http2 import Http2
from continuum.http.edge.watch import Watch
from continuum.testing.upstream import open_upstream

Wire = trio.SSLStream[trio.SocketStream] | trio.SocketStream


class Client:
    """An HTTP/2 client by hand: what it sends is whatever the test says."""

    def __init__(self, wire: Wire) -> None:
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._wire = wire

    async def begin(self) -> None:
        self.http.initiate_connection()
        await self.flush()

    def ask(self, method: str, path: str, *, end: bool) -> int:
        """Write a request's head into the buffer; the number of its stream."""
        number = self.http.get_next_available_stream_id()
        head = {":method": method, ":path": path, ":scheme": "https", ":authority": "localhost"}
        self.http.send_headers(number, [*head.items(), ("content-type", "application/json")], end_stream=end)
        return number

    async def flush(self) -> None:
        await self._wire.send_all(self.http.data_to_send())

    async def events(self) -> list[h2.events.Event]:
        """What comes next; [] at the connection's end."""
        data = await self._wire.receive_some(2**16)
        return self.http.receive_data(bytes(data)) if data else []


@asynccontextmanager
async def tls_client(url: str) -> AsyncGenerator[Client]:
    context = ssl.create_default_context(cafile=authority())
    context.set_alpn_protocols(["h2"])
    plain = await trio.open_tcp_stream("127.0.0.1", int(url.rpartition(":")[2]))
    wire = trio.SSLStream(plain, context, server_hostname="localhost", https_compatible=True)
    try:
        yield Client(wire)
    finally:
        await trio.aclose_forcefully(wire)


async def reset_rapidly(url: str) -> int:
    """Make requests and take them back until the connection is cut; how many that took. After every few of them it is
    seen that the router has read them: how many would fit into the buffers between us says nothing of it.
    """
    async with tls_client(url) as client:
        await client.begin()
        made = 0
        try:
            while True:
                for _ in range(20):
                    client.http.reset_stream(client.ask("POST", CHAT, end=False))
                    made += 1
                client.http.ping(b"so many?")
                await client.flush()
                heard: list[h2.events.Event] = []
                while not any(isinstance(event, h2.events.PingAckReceived) for event in heard):
                    heard = await client.events()
                    if not heard or any(isinstance(event, h2.events.ConnectionTerminated) for event in heard):
                        return made
        except trio.BrokenResourceError:
            return made


async def test_requests_taken_back_at_once_end_their_connection_and_disturb_nobody(tmp_path: Path) -> None:
    async with (
        open_upstream() as upstream,
        open_router(tmp_path, config(backend(upstream.url), server={"tls": certificate()})) as router,
        client_of(router.url, verify=ssl.create_default_context(cafile=authority())) as ordinary,
        trio.open_nursery() as nursery,
    ):
        made: list[int] = []

        async def attack() -> None:
            made.extend([await reset_rapidly(router.url) for _ in range(3)])

        nursery.start_soon(attack)
        answered: list[Received] = []
        with trio.fail_after(PATIENCE_S):
            while not made or len(answered) < 20:
                answered.append(await ask(ordinary, asked()))
        assert all(received.is_whole() for received in answered)
        assert max(made) < 500
        began, used = trio.current_time(), cpu_seconds(router.pid)
        await trio.sleep(1)
        assert (cpu_seconds(router.pid) - used) / (trio.current_time() - began) < 0.7, "nothing of it goes on"
        assert len(upstream.calls) == len(answered)
    assert "Traceback" not in router.stderr


@asynccontextmanager
async def in_this_process(app: Any, patience: float) -> AsyncGenerator[Client]:
    """A connection of the edge's, by now HTTP/2, whose client has so much patience of ours."""
    server = from_mapping({}).server
    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003 - the socket module's signature
    http2 = Http2(app, server, patience=patience)
    connection = Connection(Shared(app, server, Watch(0.05), None, http2.serve), ours)
    async with trio.open_nursery() as nursery, trio.SocketStream(trio.socket.from_stdlib_socket(theirs)) as wire:
        nursery.start_soon(http2.serve, connection, b"")
        yield Client(wire)
        nursery.cancel_scope.cancel()


ENDLESS, SMALL = "/endless", "/small"


async def endless_or_small(sent: list[int], scope: Mapping[str, Any], receive: Any, send: Any) -> None:
    """An application whose one answer goes on until its client has left. sent: takes the size of each of its pieces."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    piece: dict[str, Any] = {"type": "http.response.body", "body": b"x" * 30_000}

    async def go_on() -> None:
        while True:
            await send({**piece, "more_body": True})
            sent.append(len(piece["body"]))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        if scope["path"] == ENDLESS:
            nursery.start_soon(go_on)
            while (await receive())["type"] != "http.disconnect":
                pass
        nursery.cancel_scope.cancel()
    await send({**piece, "more_body": False})


async def test_a_stream_that_is_not_read_is_reset_and_the_others_go_on() -> None:
    sent: list[int] = []
    async with in_this_process(partial(endless_or_small, sent), patience=2) as client:
        await client.begin()
        endless = client.ask("GET", ENDLESS, end=True)
        client.ask("GET", SMALL, end=True)
        await client.flush()
        reset, whole = set[int](), 0
        with trio.fail_after(PATIENCE_S):
            while not reset or whole < 30:
                for event in await client.events():
                    match event:
                        case h2.events.DataReceived(stream_id=number, flow_controlled_length=size) if number == endless:
                            client.http.increment_flow_control_window(size)  # the connection's, not the stream's
                        case h2.events.DataReceived(stream_id=number, flow_controlled_length=size):
                            client.http.acknowledge_received_data(size, number)
                        case h2.events.StreamEnded():
                            whole += 1
                            client.ask("GET", SMALL, end=True)
                        case h2.events.StreamReset(stream_id=number):
                            reset.add(number)
                        case _:
                            pass
                await client.flush()
    assert reset == {endless}
    assert sum(sent) < 200_000, "no more is made than the client has room for, and a little"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_frames_are_counted_whatever_the_cuts(size: int) -> None:
    client = h2.connection.H2Connection()
    client.initiate_connection()
    client.send_headers(1, [(":method", "POST"), (":path", "/"), (":scheme", "https"), (":authority", "a")])
    client.send_data(1, b"x" * 1000)
    client.send_data(1, b"")
    client.reset_stream(1)
    client.ping(b"12345678")
    client.increment_flow_control_window(5)
    wire, reader = client.data_to_send(), FrameReader()
    frames = [frame for at in range(0, len(wire), size) for frame in reader.feed(wire[at : at + size])]
    assert [frame.kind for frame in frames] == [0x4, 0x1, 0x0, 0x0, 0x3, 0x6, 0x8]
    assert [frame.idle for frame in frames] == [True, False, False, True, True, True, False]
    assert [frame.gives_room for frame in frames] == [False] * 6 + [True]
    assert [frame.stream for frame in frames] == [0, 1, 1, 1, 1, 0, 0]


FRAMES = st.lists(st.builds(Frame, st.integers(0, 9), st.integers(0, 40), st.integers(0, 2**31 - 1)), max_size=8)


@given(FRAMES, st.lists(st.integers(0, 500), max_size=12))
def test_any_frames_in_any_pieces(frames: list[Frame], at: list[int]) -> None:
    wire = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    for kind, length, stream in frames:
        wire += length.to_bytes(3, "big") + bytes([kind, 0]) + stream.to_bytes(4, "big") + b"\0" * length
    places = sorted({0, len(wire), *(place % (len(wire) + 1) for place in at)})
    reader = FrameReader()
    assert [frame for start, end in pairwise(places) for frame in reader.feed(wire[start:end])] == frames
