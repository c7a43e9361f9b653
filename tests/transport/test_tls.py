"""TLS over one shared context, against a server with a throw-away certificate; and TLS as backends configure it."""

import ssl
from pathlib import Path

import pytest
import trio
import trustme
from answers import GOOD, Row
from raw_server import Handler, Peer, raw_server

from continuum.backends.transport import Contexts, Http1Transport, Origin
from continuum.config.sections.backends import BackendTls
from continuum.errors import ConfigError, ConnectFailed, UpstreamTimeout


def show(certificate: trustme.LeafCert, context: ssl.SSLContext) -> None:
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - pyOpenSSL's context is another


def trust(authority: trustme.CA, context: ssl.SSLContext) -> None:
    authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType] - as above


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def serving(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    show(authority.issue_cert("127.0.0.1", "localhost"), context)
    return context


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    trust(authority, context)
    return context


def transport_with(context: ssl.SSLContext, *, connect_timeout: float = 30) -> Http1Transport:
    return Http1Transport(context, keepalive=10, idle=60, connect_timeout=connect_timeout)


async def ask(
    transport: Http1Transport, origin: Origin, method: str = "POST", content: bytes = b""
) -> tuple[int, bytes]:
    answer = await transport.send(origin, method, "/", [], content)
    pieces: list[bytes] = []
    try:
        while piece := await answer.receive():
            pieces.append(piece)
    finally:
        await answer.aclose()
    return answer.status, b"".join(pieces)


def always(wire: bytes, *, end: bool = False) -> Handler:
    async def handle(peer: Peer) -> None:
        while await peer.request():
            await peer.send(wire)
            if end:
                return

    return handle


@pytest.mark.parametrize("row", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_answers(serving: ssl.SSLContext, trusting: ssl.SSLContext, row: Row, host: str) -> None:
    async with raw_server(always(row.wire, end=row.ends), tls=serving, host=host) as server:
        transport = transport_with(trusting)
        for _ in range(3):
            assert await ask(transport, server.origin, row.method) == (row.status, row.body)
        assert server.accepted == (1 if row.kept else 3)  # session tickets come while idle: no noise
        await transport.aclose()


async def test_large_bodies_both_ways(serving: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    size = 3_000_000
    wire = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + bytes(size)
    async with raw_server(always(wire), tls=serving) as server:
        transport = transport_with(trusting)
        for _ in range(2):
            assert await ask(transport, server.origin, content=bytes(size)) == (200, bytes(size))
        assert server.accepted == 1
        await transport.aclose()


async def test_an_early_refusal_is_heard(serving: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    async def handle(peer: Peer) -> None:
        await peer.request(body=False)
        await peer.send(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig")
        await trio.sleep_forever()

    async with raw_server(handle, tls=serving) as server:
        assert await ask(transport_with(trusting), server.origin, content=bytes(30_000_000)) == (413, b"big")


async def test_a_goodbye_while_idle_gives_a_connection_up(serving: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    gone = trio.Event()

    async def handle(peer: Peer) -> None:
        await peer.request()
        await peer.send(GOOD["a length"].wire)
        await peer.stream.aclose()
        gone.set()

    async with raw_server(handle, tls=serving) as server:
        transport = transport_with(trusting)
        for number in (1, 2):
            assert await ask(transport, server.origin) == (200, b"hello")
            await gone.wait()
            assert server.accepted == number
        await transport.aclose()


async def test_an_unknown_authority_is_refused_before_anything_is_sent(serving: ssl.SSLContext) -> None:
    heard: list[bytes] = []

    async def handle(peer: Peer) -> None:
        heard.append(await peer.request())

    async with raw_server(handle, tls=serving) as server:
        with pytest.raises(ConnectFailed, match=r"^no secure connection to the backend: nobody trusted") as caught:
            await ask(transport_with(ssl.create_default_context()), server.origin)
        assert caught.value.cause == "untrusted"
        await server.all_closed()
    assert not any(heard)


async def test_another_name_is_refused(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    show(authority.issue_cert("models.example"), context)
    async with raw_server(always(b""), tls=context) as server:
        with pytest.raises(ConnectFailed):
            await ask(transport_with(trusting), server.origin)
        await server.all_closed()


async def test_a_server_without_tls(trusting: ssl.SSLContext) -> None:
    async with raw_server(always(GOOD["a length"].wire)) as server:

        async def handle(peer: Peer) -> None:
            await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        async with raw_server(handle) as plain:
            with pytest.raises(ConnectFailed):
                await ask(transport_with(trusting), Origin("https", "127.0.0.1", plain.origin.port))
        assert server.accepted == 0


async def test_a_handshake_is_bounded_by_the_connection_s_time(trusting: ssl.SSLContext) -> None:
    async def handle(peer: Peer) -> None:
        await peer.until_left()

    async with raw_server(handle) as server:
        with pytest.raises(UpstreamTimeout):
            await ask(transport_with(trusting, connect_timeout=0.05), Origin("https", "127.0.0.1", server.origin.port))
        await server.all_closed()


async def test_what_a_backend_configures(authority: trustme.CA, serving: ssl.SSLContext, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    contexts = Contexts()
    trusting = BackendTls.model_validate({"ca_file": str(ca)})
    assert contexts.of(0, trusting) is contexts.of(1, trusting.model_copy())
    assert contexts.of(0, None) is contexts.of(2, None)
    assert contexts.fresh(0, None) is not contexts.of(0, None)
    async with raw_server(always(GOOD["a length"].wire), tls=serving) as server:
        for section in (trusting, BackendTls.model_validate({"verify": False})):
            transport = transport_with(contexts.of(0, section))
            assert await ask(transport, server.origin) == (200, b"hello")
            await transport.aclose()


async def test_the_context_for_connections_without_tls_trusts_nobody(serving: ssl.SSLContext) -> None:
    async with raw_server(always(GOOD["a length"].wire), tls=serving) as server:
        with pytest.raises(ConnectFailed, match="nobody trusted vouches"):
            await ask(transport_with(Contexts().unused), server.origin)


async def test_our_own_certificate_is_shown(authority: trustme.CA, tmp_path: Path) -> None:
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    mine = authority.issue_cert("router@models.example")
    authority.cert_pem.write_to_path(str(ca))
    mine.cert_chain_pems[0].write_to_path(str(cert))
    mine.private_key_pem.write_to_path(str(key))
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    show(authority.issue_cert("127.0.0.1"), asking)
    trust(authority, asking)
    asking.verify_mode = ssl.CERT_REQUIRED
    section = BackendTls.model_validate({"ca_file": str(ca), "cert_file": str(cert), "key_file": str(key)})
    async with raw_server(always(GOOD["a length"].wire), tls=asking) as server:
        transport = transport_with(Contexts().of(0, section))
        assert await ask(transport, server.origin) == (200, b"hello")
        await transport.aclose()


@pytest.mark.parametrize(("field", "other"), [("ca_file", {}), ("cert_file", {"key_file": "none.pem"})])
def test_a_file_that_cannot_be_used_is_told(field: str, other: dict[str, str], tmp_path: Path) -> None:
    section = BackendTls.model_validate({field: str(tmp_path / "none.pem"), **other})
    with pytest.raises(ConfigError, match=r"backends\.3\.tls: cannot be used: "):
        Contexts().of(3, section)
