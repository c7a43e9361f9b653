"""New connections: a name resolved, forbidden addresses refused before anything is sent to them, TLS agreed on."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple

import trio

from continuum.backends.transport.cause import Cause, connect_failed
from continuum.backends.transport.wire import TlsWire, Wire
from continuum.config.url import is_forbidden
from continuum.errors import UpstreamTimeout

if TYPE_CHECKING:
    from continuum.backends.transport.port import Origin

__all__ = ["dial"]

_HEAD_START = 0.25
"""Seconds one address of a name gets before the next one is tried beside it."""

_FULL_QUEUE_PAUSE = 0.01
"""Seconds until a unix socket whose queue was full is tried again."""


class _Address(NamedTuple):
    family: int
    place: str | tuple[object, ...]


async def dial(origin: Origin, context: ssl.SSLContext, timeout: float) -> Wire:  # noqa: ASYNC109 - one phase
    """A new connection. Raises ConnectFailed; UpstreamTimeout after `timeout` seconds."""
    with trio.move_on_after(timeout):
        try:
            return await _open(origin, context)
        except (OSError, UnicodeError) as fault:
            raise connect_failed(fault) from None
    raise UpstreamTimeout("no connection to the backend in time")


async def _open(origin: Origin, context: ssl.SSLContext) -> Wire:
    if origin.socket is not None:
        return Wire(await _connected(_Address(socket.AF_UNIX, origin.socket)))
    connected = await _first_of(await _resolved(origin))
    if origin.scheme != "https":
        return Wire(connected)
    try:
        wire = TlsWire(connected, context, origin.host.rstrip("."))
        await _shake_hands(wire)
    except BaseException:
        connected.close()
        raise
    return wire


async def _resolved(origin: Origin) -> list[_Address]:
    found = await trio.socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    if any(is_forbidden(str(place[0])) for *_, place in found):  # a name may lead where no configuration may
        raise connect_failed(Cause.FORBIDDEN)
    return [_Address(family, place) for family, _, _, _, place in found]


async def _first_of(addresses: list[_Address]) -> socket.socket:
    """A connection to whichever address gives one first: they are tried in turn, overlapping when one is slow."""
    if len(addresses) == 1:
        return await _connected(addresses[0])
    won: list[socket.socket] = []
    lost: list[OSError] = []

    async def attempt(address: _Address, over: trio.Event) -> None:
        try:
            won.append(await _connected(address))
            nursery.cancel_scope.cancel()
        except OSError as fault:
            lost.append(fault)
        over.set()

    try:
        async with trio.open_nursery() as nursery:
            for address in addresses:
                over = trio.Event()
                nursery.start_soon(attempt, address, over)
                with trio.move_on_after(_HEAD_START):
                    await over.wait()
    except BaseException:
        for each in won:
            each.close()
        raise
    for late in won[1:]:
        late.close()
    if not won:
        raise lost[0]
    return won[0]


async def _connected(address: _Address) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)  # noqa: FBT003 - the socket module's signature
        if address.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(address.place)
        while code == errno.EAGAIN:  # a unix socket's queue is full, and nothing tells when it is not
            await trio.sleep(_FULL_QUEUE_PAUSE)
            code = sock.connect_ex(address.place)
        if code == errno.EINPROGRESS:
            await trio.lowlevel.wait_writable(sock)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except BaseException:
        sock.close()
        raise
    if code:
        sock.close()
        raise OSError(code, os.strerror(code))
    return sock


async def _shake_hands(wire: TlsWire) -> None:
    done = False
    while not done:
        done = wire.handshake()
        while not wire.flush():
            await trio.lowlevel.wait_writable(wire.socket)
        if not done:
            await trio.lowlevel.wait_readable(wire.socket)
            if not wire.hear():
                raise ssl.SSLError("the server left")
