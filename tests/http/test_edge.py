"""The listening side against bytes no good client sends: whatever one connection does, the others are served."""

from __future__ import annotations

import pytest
import trio
from chat import ask, asked, client_of
from serving import Router

KILLERS = {
    "an h2c upgrade with settings that are not base64": (
        b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n"
        b"http2-settings: a\r\n\r\n"
    ),
    "a websocket upgrade with a trailing byte": (
        b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\nx"
    ),
    "data after Connection: close": b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\nmore and more",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
    "HTTP/2 by prior knowledge, then garbage": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64,
    "two hosts": b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    "NUL bytes": bytes(64),
    "a request cut short": b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n{",
}


@pytest.mark.parametrize("name", KILLERS)
async def test_one_connection_cannot_end_the_others(router: Router, name: str) -> None:
    port = int(router.url.rpartition(":")[2])
    async with client_of(router.url) as client:
        assert (await ask(client, asked())).is_whole()
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            await stream.send_all(KILLERS[name])
            await stream.send_eof()
            with trio.move_on_after(5):
                while await _received(stream):
                    pass
        assert (await ask(client, asked())).is_whole()
    assert "Traceback" not in router.stderr


async def _received(stream: trio.SocketStream) -> bytes:
    try:
        return bytes(await stream.receive_some(2**16))
    except trio.BrokenResourceError:
        return b""
