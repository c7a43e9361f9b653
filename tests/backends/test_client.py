"""Answers that are compressed though nobody asked: read whole, a slice at a time, and never beyond the limit."""

from __future__ import annotations

import gzip
import random
import ssl
import zlib
from collections.abc import Callable

import pytest
import trio

from continuum.backends.client import MAX_BODY, UpstreamClient
from continuum.backends.transport import Http1Transport, Origin
from continuum.errors import UpstreamProtocolError
from continuum.testing.upstream import Plain, Upstream, open_upstream

MIB = 2**20
NOISE = random.Random(1).randbytes(3 * MIB + 7)  # noqa: S311 - what does not compress
COMPRESSED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "gzip": (gzip.compress, "gzip"),
    "x-gzip": (gzip.compress, "x-gzip"),
    "deflate": (zlib.compress, "deflate"),
}


async def body_of(upstream: Upstream) -> bytes:
    transport = Http1Transport(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), keepalive=1, idle=60, connect_timeout=30)
    client = UpstreamClient(transport)
    try:
        async with await client.send(Origin.of(upstream.url)[0], "POST", "/v1/chat/completions", [], b"{}") as answer:
            return await answer.read()
    finally:
        await client.aclose()


def packed(data: bytes, coding: str = "gzip") -> Plain:
    return Plain(data, headers=(("content-encoding", coding),))


@pytest.mark.parametrize("name", COMPRESSED)
@pytest.mark.parametrize("body", [b"", b"x", b"x" * (5 * MIB + 3), NOISE], ids=["empty", "byte", "dense", "noise"])
async def test_what_was_compressed_is_read_whole(name: str, body: bytes) -> None:
    compress, coding = COMPRESSED[name]
    async with open_upstream(packed(compress(body), coding)) as upstream:
        assert await body_of(upstream) == body


@pytest.mark.parametrize("cut", [1, 9, 1000, -9, -1])
async def test_what_was_cut_is_no_answer(cut: int) -> None:
    async with open_upstream(packed(gzip.compress(NOISE[:MIB])[:cut])) as upstream:
        with pytest.raises(UpstreamProtocolError, match="cannot be decoded"):
            await body_of(upstream)


class Steps(trio.abc.Instrument):
    """How often a task was run since others had their turn."""

    def __init__(self, task: trio.lowlevel.Task) -> None:
        self.count = 0
        self._task = task

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task is self._task


async def test_a_bomb_is_refused_and_others_have_their_turn_meanwhile() -> None:
    steps = Steps(trio.lowlevel.current_task())
    async with open_upstream(packed(gzip.compress(bytes(MAX_BODY + 1)))) as upstream:
        trio.lowlevel.add_instrument(steps)
        with pytest.raises(UpstreamProtocolError, match="too large"):
            await body_of(upstream)
        trio.lowlevel.remove_instrument(steps)
    assert steps.count > MAX_BODY // MIB
