"""Every odd framing of the table, cut at every byte: the same frames, whatever the chunking."""

from __future__ import annotations

import json

import pytest

from continuum.core.upstream_stream import UpstreamStream
from continuum.dialects import DIALECTS
from continuum.testing.upstream import Request, Stream
from continuum.testing.upstream import framing as framings

BODY = json.dumps({"model": "m", "stream": True, "stream_options": {"include_usage": True}}).encode()
REQUEST = Request("POST", "/v1/chat/completions", (), BODY, order=1, ordinal=1, connection=1, at=0.0)
WORDS = ("naïve ", "日本 ", "🙂")
STREAMS = {
    "plain": Stream(WORDS),
    "crlf": Stream(WORDS, framing=framings.crlf),
    "lone-cr": Stream(WORDS, framing=framings.lone_cr),
    "comments": Stream(WORDS, framing=framings.commented),
    "no-space": Stream(WORDS, framing=framings.tight),
    "other-fields": Stream(WORDS, framing=framings.other_fields),
    "several-lines": Stream(WORDS, framing=framings.several_lines),
    "bom": Stream((b"\xef\xbb\xbf", *WORDS), role=False),
    "no-done": Stream(WORDS, done=False),
}


def read(*pieces: bytes) -> list[bytes]:
    """The frames' payloads; the stream is complete and nothing failed."""
    stream = UpstreamStream(DIALECTS["openai_chat"], rename=None)
    frames = [frame for piece in pieces if piece for frame in stream.feed(piece)]
    if not stream.complete:
        frames += stream.feed(b"")
    assert stream.complete
    assert stream.failed is None
    assert stream.usage is not None
    return [frame.raw for frame in frames]


@pytest.mark.parametrize("name", STREAMS)
def test_cut_at_every_byte(name: str) -> None:
    wire = STREAMS[name].body(REQUEST)
    whole = read(wire)
    assert all(b"\n" not in payload and json.loads(payload) for payload in whole)
    for place in range(len(wire)):
        assert read(wire[:place], wire[place:]) == whole
    assert read(*[wire[place : place + 1] for place in range(len(wire))]) == whole


@pytest.mark.parametrize("name", STREAMS)
def test_broken_off_at_every_byte(name: str) -> None:
    """Up to the finish reason it is never passed off as complete."""
    wire = STREAMS[name].body(REQUEST)
    enough = wire.rindex(b"stop")
    for place in range(0, enough, 3):
        stream = UpstreamStream(DIALECTS["openai_chat"], rename=None)
        stream.feed(wire[:place])
        stream.feed(b"")
        assert not stream.complete
        assert stream.failed is not None
