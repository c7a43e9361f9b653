"""What a wire was given leaves it whole and in order, also where whoever waited for the rest was cancelled."""

import socket
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest
from certificates import authority, certificate

from continuum.backends.transport.wire import TlsWire, Wire

Pair = tuple[Wire, Wire]


def plain(near: socket.socket, far: socket.socket) -> Pair:
    return Wire(near), Wire(far)


def under_tls(near: socket.socket, far: socket.socket) -> Pair:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate()["cert_file"], certificate()["key_file"])
    server = TlsWire(near, context, None)
    client = TlsWire(far, ssl.create_default_context(cafile=authority()), "localhost")
    done: set[TlsWire] = set()
    while len(done) < 2:
        for wire in (client, server):
            if wire not in done and wire.handshake():
                done.add(wire)
            assert wire.flush()
        for wire in {client, server} - done:
            wire.hear()
    return server, client


@contextmanager
def wired(kind: Callable[[socket.socket, socket.socket], Pair]) -> Generator[Pair]:
    near, far = socket.socketpair()
    with near, far:
        near.settimeout(0)
        far.settimeout(0)
        yield kind(near, far)


@pytest.mark.parametrize("kind", [plain, under_tls])
def test_what_follows_a_rest_that_nobody_waits_for_leaves_behind_it(
    kind: Callable[[socket.socket, socket.socket], Pair],
) -> None:
    large = bytes(range(256)) * 20_000
    with wired(kind) as (near, far):
        assert not near.send(large)
        assert not near.send(b"last ", b"words")
        received, over = b"", False
        while not over:
            over = near.flush()
            while piece := far.read():
                received += piece
        assert received == large + b"last words"
