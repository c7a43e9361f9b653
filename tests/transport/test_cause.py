"""What keeps a connection from being made is told apart, the same over our transport and httpx's."""

import errno
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from answers import GOOD
from raw_server import Peer, raw_server

from continuum.backends.transport import Http1Transport, Origin, Transport, stock_transport
from continuum.backends.transport.cause import Cause, connect_failed
from continuum.errors import ConnectFailed

Make = Callable[[ssl.SSLContext, str | None], Transport]


def ours(context: ssl.SSLContext, path: str | None) -> Transport:
    del path
    return Http1Transport(context, keepalive=1, idle=60, connect_timeout=30)


def stock(context: ssl.SSLContext, path: str | None) -> Transport:
    return stock_transport(context, keepalive=1, idle=60, connect_timeout=30, proxy=None, http2=False, socket=path)


BOTH = pytest.mark.parametrize("make", [ours, stock])


async def cause(make: Make, origin: Origin, context: ssl.SSLContext | None = None) -> str:
    transport = make(context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), origin.socket)
    try:
        with pytest.raises(ConnectFailed) as caught:
            await transport.send(origin, "GET", "/", [], b"")
    finally:
        await transport.aclose()
    assert "/" not in caught.value.message
    return caught.value.cause


async def plain(peer: Peer) -> None:
    while await peer.request():
        await peer.send(GOOD["a length"].wire)


async def no_tls(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")


@BOTH
@pytest.mark.parametrize("name", [f"{'x' * 64}.example", "two..dots"])
async def test_no_such_name(make: Make, name: str) -> None:
    """One that cannot even be asked for."""
    assert await cause(make, Origin("http", name, 80)) == "unknown_name"


@BOTH
async def test_no_such_socket(make: Make, tmp_path: Path) -> None:
    assert await cause(make, Origin("http+unix", "localhost", 0, str(tmp_path / "none.sock"))) == "no_socket"


@BOTH
async def test_a_socket_nobody_listens_at(make: Make, tmp_path: Path) -> None:
    path = str(tmp_path / "dead.sock")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path)
        assert await cause(make, Origin("http+unix", "localhost", 0, path)) == "refused"


@BOTH
async def test_no_tls_there(make: Make) -> None:
    async with raw_server(no_tls) as server:
        assert await cause(make, Origin("https", "127.0.0.1", server.origin.port)) == "no_tls"


@BOTH
@pytest.mark.parametrize(
    ("name", "ends", "trusted", "expected"),
    [
        ("127.0.0.1", None, False, "untrusted"),
        ("models.example", None, True, "other_name"),
        ("127.0.0.1", datetime(2020, 1, 1, tzinfo=UTC), True, "expired"),
    ],
)
async def test_a_certificate_that_is_not_accepted(
    make: Make, name: str, ends: datetime | None, expected: str, *, trusted: bool
) -> None:
    authority = trustme.CA()
    serving, context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    issued = authority.issue_cert(name, not_after=ends)
    issued.configure_cert(serving)  # pyright: ignore[reportUnknownMemberType] - pyOpenSSL's context is another
    if trusted:
        authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType] - as above
    async with raw_server(plain, tls=serving) as server:
        assert await cause(make, server.origin, context) == expected


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), Cause.UNKNOWN_NAME),
        (OSError(errno.EHOSTUNREACH, "x"), Cause.UNREACHABLE),
        (OSError(errno.EACCES, "x"), Cause.NOT_PERMITTED),
        (OSError(errno.EMFILE, "x"), Cause.OTHER),
        (OSError("x"), Cause.OTHER),
        (ssl.SSLError(1, "x"), Cause.TLS),
    ],
)
def test_what_the_system_says(fault: OSError, expected: Cause) -> None:
    assert connect_failed(fault).cause == expected


def test_every_cause_has_words_of_its_own() -> None:
    assert len({connect_failed(each).message for each in Cause}) == len(Cause)
