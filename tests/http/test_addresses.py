"""Where the router listens and whom it answers there: several addresses, unix sockets, TLS, host names, drain."""

import signal
import socket
import ssl
import stat
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from certificates import authority, certificate
from chat import CHAT, asked, client_of
from patience import PATIENCE_S
from ports import free_port
from serving import Router, backend, config, start

from continuum.testing.upstream import Stream, Upstream, Wait, open_upstream

CERTIFICATE = certificate()
FIRST = r"^continuum: listening on (\S+)$"


@asynccontextmanager
async def rig(home: Path, server: Mapping[str, Any], **more: Any) -> AsyncGenerator[tuple[Upstream, Router]]:
    async with open_upstream() as upstream:
        router = start(home, config(backend(upstream.url), server=server, **more))
        try:
            router.url = (await trio.to_thread.run_sync(router.wait_for_line, FIRST)).group(1)
            yield upstream, router
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(router.stop)
        assert "Traceback" not in router.stderr


def unix_client(path: Path) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=str(path)),
        base_url="http://localhost",
        trust_env=False,
        timeout=PATIENCE_S,
    )


async def test_several_addresses_serve_alike_and_the_socket_has_its_mode(tmp_path: Path) -> None:
    path, port = tmp_path / "router.sock", free_port()
    binds = ["127.0.0.1:0", f"127.0.0.2:{port}", f"[::1]:{port}", f"unix:{path}"]
    async with rig(tmp_path, {"bind_address": binds, "socket_mode": "0600"}) as (upstream, router):
        await trio.to_thread.run_sync(router.wait_for_line, r"listening on http\+unix://")
        urls = [line.rpartition(" ")[2] for line in router.stderr.splitlines() if "listening on" in line]
        assert urls[1:] == [f"http://127.0.0.2:{port}", f"http://[::1]:{port}", f"http+unix://{path}"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for client in (*map(client_of, urls[:3]), unix_client(path)):
            async with client:
                assert (await client.post(CHAT, json=asked())).status_code == 200
                assert (await client.post(CHAT, json=asked(stream=True))).text.endswith("data: [DONE]\n\n")
    assert len(upstream.calls) == 8
    assert not path.exists(), "our own socket goes with us"


async def test_a_stale_socket_is_taken_over_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "router.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with rig(tmp_path, {"bind_address": f"unix:{path}", "socket_mode": "666"}):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        async with unix_client(path) as client:
            assert (await client.get("/health")).status_code == 200
            (tmp_path / "second").mkdir()
            second = start(tmp_path / "second", config(server={"bind_address": f"unix:{path}"}))
            assert await second.exited(30) == 2
            assert "is in use" in second.stderr
            assert (await client.get("/health")).status_code == 200


@pytest.mark.parametrize("protocol", ["HTTP/2", "HTTP/1.1"])
async def test_tls(tmp_path: Path, protocol: str) -> None:
    path = tmp_path / "router.sock"
    server = {"bind_address": ["127.0.0.1:0", f"unix:{path}"], "tls": CERTIFICATE}
    trusted = ssl.create_default_context(cafile=authority())
    async with rig(tmp_path, server) as (upstream, router):
        assert router.url.startswith("https://127.0.0.1:")
        async with client_of(router.url, verify=trusted, http2=protocol == "HTTP/2") as client:
            answer = await client.post(CHAT, json=asked())
            assert (answer.status_code, answer.http_version) == (200, protocol)
            assert (await client.post(CHAT, json=asked(stream=True))).text.endswith("data: [DONE]\n\n")
            assert (await client.get("/health", headers={"host": "evil.example"})).status_code == 403
        plain = router.url.replace("https", "http")
        async with client_of(plain) as client:
            with pytest.raises(httpx.TransportError):
                await client.get("/health")
        async with unix_client(path) as client:
            assert (await client.get("/health")).status_code == 200, "a unix socket stays plain"
    assert len(upstream.calls) == 2


# what is wrong, the section, what is told
TLS_FAULTS: dict[str, tuple[dict[str, str], str]] = {
    "no certificate": ({**CERTIFICATE, "cert_file": "none.pem"}, "server.tls.cert_file: none.pem cannot be read"),
    "no key": ({**CERTIFICATE, "key_file": "none.pem"}, "server.tls.key_file: none.pem cannot be read"),
    "no PEM": ({**CERTIFICATE, "key_file": str(Path(__file__))}, "server.tls: cannot be used"),
    "the key twice": ({**CERTIFICATE, "cert_file": CERTIFICATE["key_file"]}, "server.tls: cannot be used"),
}


@pytest.mark.parametrize("fault", TLS_FAULTS)
def test_a_certificate_that_cannot_be_used_stops_the_start(tmp_path: Path, fault: str) -> None:
    section, told = TLS_FAULTS[fault]
    with start(tmp_path, config(server={"tls": section})) as process:
        assert process.wait(30) == 2
    (line,) = process.stderr.splitlines()
    assert line.startswith(f"continuum: {told}")


# server section, Host, is it answered?
HOSTS: list[tuple[dict[str, Any], list[str], list[str]]] = [
    (
        {},
        ["localhost", "LOCALHOST:1", "localhost.", "app.localhost", "127.0.0.1", "127.8.8.8:99", "[::1]", "[::1]:80"],
        [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]",
            "localhost:x",
            "[::1",
        ],
    ),
    (
        {"allowed_hosts": ["api.example.com", "*.Example.org", "::1"]},
        ["api.example.com", "API.example.com:8443", "api.example.com.", "a.example.org", "a.b.example.org", "[::1]:9"],
        ["example.com", "x.api.example.com", "example.org", "evilexample.org", "localhost", "127.0.0.1"],
    ),
    ({"allowed_hosts": ["*"]}, ["anything.example", "localhost"], []),
]


@pytest.mark.parametrize(("server", "answered", "refused"), HOSTS)
async def test_host_names(tmp_path: Path, server: dict[str, Any], answered: list[str], refused: list[str]) -> None:
    async with rig(tmp_path, server) as (upstream, router), client_of(router.url) as client:
        for host in answered:
            assert (await client.get("/health", headers={"host": host})).status_code == 200, host
        for host in refused:
            for method, path in (("GET", "/health"), ("GET", "/v1/models"), ("POST", CHAT)):
                answer = await client.request(method, path, headers={"host": host}, json=asked())
                assert (answer.status_code, answer.json()["error"]["code"]) == (403, "host_not_allowed"), host
    assert upstream.calls == []


async def test_ready_says_draining_for_as_long_as_is_asked(tmp_path: Path) -> None:
    """New connections are taken meanwhile, and what is open finishes."""
    gate = trio.Event()
    async with (
        rig(tmp_path, {"drain_delay": "6s"}) as (upstream, router),
        client_of(router.url) as client,
        trio.open_nursery() as nursery,
    ):
        upstream.push(Stream(("one", Wait(gate), "two")))
        ended: list[str] = []

        async def stream() -> None:
            ended.append((await client.post(CHAT, json=asked(stream=True))).text)

        nursery.start_soon(stream)
        await upstream.next_call()
        assert (await client.get("/ready")).status_code == 200
        router.signal(signal.SIGTERM)
        await trio.to_thread.run_sync(router.wait_for_line, "draining")
        async with client_of(router.url) as newcomer:
            answer = await newcomer.get("/ready")
            assert (answer.status_code, answer.json()) == (503, {"status": "draining"})
            assert (await newcomer.get("/health")).status_code == 200
            assert (await newcomer.post(CHAT, json=asked())).status_code == 200
        gate.set()
        assert await router.exited() == 0
    assert ended[0].endswith("data: [DONE]\n\n")


async def test_above_its_limit_connections_wait(tmp_path: Path) -> None:
    """The third of two has its connection, and its answer once another has left."""
    request, ok = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n", b"HTTP/1.1 200 "
    async with rig(tmp_path, {"max_connections": 2}) as (_, router), AsyncExitStack() as stack:
        port = int(router.url.rpartition(":")[2])
        first, second, third = [
            await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", port)) for _ in range(3)
        ]
        answers: list[bytes] = []

        async def wait() -> None:
            await third.send_all(request)
            answers.append(bytes(await third.receive_some(2**16)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            for stream in (first, second) * 20:
                await stream.send_all(request)
                assert (await _answer(stream)).startswith(ok)
            assert answers == []
            await first.aclose()
        assert answers[0].startswith(ok)


async def _answer(stream: trio.abc.ReceiveStream) -> bytes:
    """One answer, up to the end of its JSON."""
    received = b""
    while not received.rstrip().endswith(b"}"):
        piece = await stream.receive_some(2**16)
        assert piece, "closed instead of answered"
        received += piece
    return received


PADDING = "x" * 1000

# head lines after the request line, the target, the status
HEADS: dict[str, tuple[str, list[str], int]] = {
    "as many fields as may be": ("/health", [f"x-{number}: 1" for number in range(99)], 200),
    "too many fields": ("/health", [f"x-{number}: 1" for number in range(100)], 431),
    "a large head": ("/health", [f"x-{number}: {PADDING}" for number in range(60)], 200),
    "too large a head": ("/health", [f"x-{number}: {PADDING}" for number in range(70)], 431),
    "one endless field": ("/health", [f"x: {PADDING * 70}"], 431),
    "a long target": (f"/health?{'q' * 8000}", [], 200),
    "too long a target": (f"/health?{'q' * 9000}", [], 414),
    "too long a path": (f"/{'q' * 9000}", [], 414),
}


@pytest.mark.parametrize("name", HEADS)
async def test_heads_have_limits(router: Router, name: str) -> None:
    target, lines, status = HEADS[name]
    request = "\r\n".join([f"GET {target} HTTP/1.1", "host: localhost", *lines, "", ""]).encode()
    stream = await trio.open_tcp_stream("127.0.0.1", int(router.url.rpartition(":")[2]))
    async with stream:
        with suppress(trio.BrokenResourceError):  # refused before all of it was sent
            await stream.send_all(request)
        with trio.fail_after(PATIENCE_S):
            assert (await stream.receive_some(2**16)).startswith(f"HTTP/1.1 {status} ".encode())
