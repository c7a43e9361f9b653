"""Connections as a resource: who waits for one and in which order, which are given up, and that cancelled callers
leave nothing behind.
"""

import random
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from answers import GOOD
from raw_server import Peer, raw_server

from continuum.backends.transport import Http1Transport, Origin, Transport, stock_transport
from continuum.errors import ConnectFailed, UpstreamError, UpstreamProtocolError, UpstreamTimeout

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
WIRE = GOOD["a length"].wire


def transport_with(*, limit: int | None = None, keepalive: int = 100, idle: float = 60) -> Http1Transport:
    return Http1Transport(NO_TLS, keepalive=keepalive, idle=idle, connect_timeout=30, limit=limit)


async def ask(transport: Transport, origin: Origin, path: str = "/") -> bytes:
    answer = await transport.send(origin, "POST", path, [], b"{}")
    body = b""
    try:
        while piece := await answer.receive():
            body += piece
    finally:
        await answer.aclose()
    return body


async def answering(peer: Peer) -> None:
    while await peer.request():
        await peer.send(WIRE)


async def test_a_stale_connection_costs_one_fresh_one() -> None:
    requests: list[int] = []

    async def handle(peer: Peer) -> None:
        while await peer.request():
            requests.append(peer.number)
            if len(requests) == 2:
                return  # in the middle of an exchange, without a byte
            await peer.send(WIRE)

    async with raw_server(handle) as server:
        transport = transport_with()
        assert [await ask(transport, server.origin) for _ in range(3)] == [b"hello"] * 3
        assert requests == [1, 1, 2, 2]
        await transport.aclose()


async def test_a_fresh_connection_is_not_tried_again() -> None:
    requests: list[int] = []

    async def handle(peer: Peer) -> None:
        while await peer.request():
            requests.append(peer.number)
            if len(requests) > 1:
                return
            await peer.send(WIRE)

    async with raw_server(handle) as server:
        transport = transport_with()
        await ask(transport, server.origin)
        for _ in range(2):
            with pytest.raises(UpstreamProtocolError):
                await ask(transport, server.origin)
        assert requests == [1, 1, 2, 3]  # stale, fresh; then fresh at once: no other is left
        await transport.aclose()


async def test_a_begun_answer_is_not_asked_for_again() -> None:
    requests: list[int] = []

    async def handle(peer: Peer) -> None:
        while await peer.request():
            requests.append(peer.number)
            if len(requests) == 2:
                return await peer.send(b"H")
            await peer.send(WIRE)
        return None

    async with raw_server(handle) as server:
        transport = transport_with()
        await ask(transport, server.origin)
        with pytest.raises(UpstreamProtocolError):
            await ask(transport, server.origin)
        assert requests == [1, 1]
        await transport.aclose()


async def test_what_came_while_idle_gives_a_connection_up() -> None:
    """A server's 408 before it closes an idle connection is no answer to the next request."""
    said = trio.Event()

    async def handle(peer: Peer) -> None:
        await peer.request()
        await peer.send(WIRE)
        if peer.number == 1:
            await said.wait()
            await peer.send(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
            said_all.set()
        await peer.until_left()

    said_all = trio.Event()
    async with raw_server(handle) as server:
        transport = transport_with()
        await ask(transport, server.origin)
        said.set()
        await said_all.wait()
        assert await ask(transport, server.origin) == b"hello"
        assert server.accepted == 2
        await transport.aclose()


async def test_waiters_are_served_in_order_whatever_happens_to_others() -> None:
    served: list[str] = []
    gate = trio.Event()

    async def handle(peer: Peer) -> None:
        while head := await peer.request():
            name = head.split()[1].decode()
            served.append(name)
            await gate.wait()
            await peer.send(WIRE)
            if int(name[1:]) % 3 == 0:
                return  # its waiter gets the place and makes a connection of its own

    async with raw_server(handle) as server:
        transport = transport_with(limit=1)
        async with trio.open_nursery() as staying:
            async with trio.open_nursery() as leaving:
                for number in range(20):
                    nursery = leaving if number in (4, 5, 19) else staying
                    nursery.start_soon(ask, transport, server.origin, f"/{number}")
                    await trio.testing.wait_all_tasks_blocked()
                leaving.cancel_scope.cancel()
            assert served == ["/0"]
            gate.set()
        assert served == [f"/{number}" for number in range(20) if number not in (4, 5, 19)]
        await transport.aclose()


async def test_the_limit_and_the_number_kept_hold() -> None:
    most = 0
    now = 0

    async def handle(peer: Peer) -> None:
        nonlocal most, now
        while await peer.request():
            now += 1
            most = max(most, now)
            await trio.testing.wait_all_tasks_blocked()
            now -= 1
            await peer.send(WIRE)

    async with raw_server(handle) as server:
        transport = transport_with(limit=7, keepalive=3)
        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(ask, transport, server.origin)
        assert most <= 7
        assert transport.counts()[server.origin] == (3, 3, 0)
        await transport.aclose()
        await server.all_closed()


def test_the_unused_are_closed_in_time() -> None:
    async def meet() -> None:
        async with raw_server(answering) as server, trio.open_nursery() as nursery:
            transport = transport_with(idle=10)
            nursery.start_soon(transport.run)
            began = trio.current_time()
            await ask(transport, server.origin)
            await server.all_closed()
            assert 9.9 <= trio.current_time() - began < 21
            assert not transport.counts()
            nursery.cancel_scope.cancel()

    trio.run(meet, clock=trio.testing.MockClock(autojump_threshold=0.05))


@pytest.mark.slow
async def test_ten_thousand_cancelled_calls_leave_nothing_behind() -> None:
    """Cancelled while waiting for a place, connecting, before the head, in the body, after it."""
    rounds, at_once = 50, 200
    rng = random.Random(7)  # noqa: S311 - a test's dice

    async def handle(peer: Peer) -> None:
        while await peer.request():
            kind = rng.randrange(5)
            if kind:
                await peer.send(WIRE[: (0, 10, len(WIRE) - 2, len(WIRE), len(WIRE))[kind]])
            if kind < 3:
                return await peer.until_left()
        return None

    transport = transport_with(limit=100)
    ended = dict.fromkeys(("whole", "left"), 0)

    async def call(origin: Origin, scope: trio.CancelScope) -> None:
        with scope:
            await ask(transport, origin)
            ended["whole"] += 1
        ended["left"] += scope.cancelled_caught

    async with raw_server(handle) as server:
        await trio.testing.wait_all_tasks_blocked()
        descriptors, tasks = _descriptors(), trio.lowlevel.current_statistics().tasks_living
        for _ in range(rounds):
            async with trio.open_nursery() as nursery:
                scopes = [trio.CancelScope() for _ in range(at_once)]
                for scope in scopes:
                    nursery.start_soon(call, server.origin, scope)
                for scope in rng.sample(scopes, at_once):
                    if rng.random() < 0.2:
                        await trio.lowlevel.checkpoint()
                    scope.cancel()
        assert sum(ended.values()) == rounds * at_once
        assert ended["left"] > 5_000
        assert not any(counts.waiting for counts in transport.counts().values())
        await transport.aclose()
        await server.all_closed()
        await trio.testing.wait_all_tasks_blocked()
        assert not transport.counts()
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        assert _descriptors() == descriptors
    async with raw_server(answering) as good:
        again = transport_with(limit=1)
        assert await ask(again, good.origin) == b"hello"
        await again.aclose()


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0


@pytest.mark.parametrize("stock", [False, True])
async def test_unix_sockets(tmp_path: Path, stock: bool) -> None:  # noqa: FBT001 - pytest's parameter
    path = tmp_path / "model.sock"
    async with raw_server(answering, path=path) as server:
        transport: Transport = transport_with()
        if stock:
            transport = stock_transport(
                NO_TLS, keepalive=1, idle=60, connect_timeout=30, proxy=None, http2=False, socket=str(path)
            )
        assert [await ask(transport, server.origin) for _ in range(3)] == [b"hello"] * 3
        assert server.accepted == 1
        await transport.aclose()
    with pytest.raises(ConnectFailed):
        await ask(transport_with(), server.origin)


async def test_a_client_without_the_socket_sends_nothing_elsewhere(tmp_path: Path) -> None:
    transport = stock_transport(NO_TLS, keepalive=1, idle=60, connect_timeout=30, proxy=None, http2=False)
    with pytest.raises(ConnectFailed, match="unix socket"):
        await ask(transport, Origin("http+unix", "localhost", 0, str(tmp_path / "x.sock")))
    await transport.aclose()


class Names(trio.abc.HostnameResolver):
    """Every name leads to these addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:  # noqa: ARG002 - trio's
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port))) for address in self.addresses]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError


@pytest.mark.parametrize("addresses", [("169.254.169.254",), ("127.0.0.1", "169.254.169.254"), ("168.63.129.16",)])
async def test_a_name_that_leads_to_a_metadata_service_is_refused_unconnected(addresses: tuple[str, ...]) -> None:
    trio.socket.set_custom_hostname_resolver(Names(*addresses))
    async with raw_server(answering, host="models.example") as server:
        with pytest.raises(ConnectFailed, match="link-local or a metadata service"):
            await ask(transport_with(), server.origin)
        assert server.accepted == 0


async def test_a_name_with_several_addresses_is_reached_by_the_one_that_answers() -> None:
    trio.socket.set_custom_hostname_resolver(Names("127.0.0.2", "127.0.0.1", "127.0.0.3"))
    async with raw_server(answering, host="models.example") as server:
        transport = transport_with()
        assert await ask(transport, server.origin) == b"hello"
        await transport.aclose()
        await server.all_closed()


async def test_connecting_is_bounded() -> None:
    """A listener whose queue is full accepts nobody, and refuses nobody."""
    held: list[socket.socket] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            held.append(socket.socket())
            held[-1].setblocking(False)  # noqa: FBT003 - the socket module's signature
            held[-1].connect_ex(listener.getsockname())
        transport = Http1Transport(NO_TLS, keepalive=1, idle=60, connect_timeout=0.05)
        with pytest.raises(UpstreamTimeout) as caught:
            await ask(transport, Origin("http", *listener.getsockname()))
        for each in held:
            each.close()
    assert isinstance(caught.value, UpstreamError)
    assert not transport.counts()
