"""Server-sent events: whatever the chunking and the line ends, the same events."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.dialects.framing import ServerSent, SSEParser, all_server_sent, server_sent
from continuum.errors import UpstreamProtocolError


def _event(lines: list[str], name: str) -> ServerSent:
    return ServerSent("\n".join(lines).encode(), name)


_line = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30)
_events = st.lists(
    st.builds(
        _event,
        st.lists(_line, min_size=1, max_size=3),
        st.sampled_from(["", "message_start", "ping"]),
    ).filter(lambda event: bool(event.data)),
    max_size=6,
)


def parse(pieces: list[bytes]) -> list[ServerSent]:
    parser = SSEParser()
    found = [event for piece in pieces for event in parser.feed(piece)]
    return found + parser.close()


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in at}), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(
    events=_events,
    at=st.lists(st.integers(0, 10_000), max_size=8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    bom=st.booleans(),
)
def test_chunking_and_line_ends_never_matter(events: list[ServerSent], at: list[int], end: str, *, bom: bool) -> None:
    wire = b"".join(server_sent(event.data, event.name) for event in events)
    wire = (b"\xef\xbb\xbf" if bom else b"") + wire.replace(b"\n", end.encode())
    assert parse(cut(wire, at)) == events


@given(_events)
def test_one_byte_at_a_time(events: list[ServerSent]) -> None:
    wire = b"".join(server_sent(event.data, event.name) for event in events)
    assert parse([wire[i : i + 1] for i in range(len(wire))]) == events


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (b": keep-alive\n\ndata: 1\n\n", [ServerSent(b"1")]),
        (b": thinking\n\ndata: 1\n\n", [ServerSent(b"1")]),
        (b"id: 7\nretry: 10\ndata: 1\n\n", [ServerSent(b"1")]),
        (b"event: done\ndata:1\n\n", [ServerSent(b"1", "done")]),
        (b"data: a\ndata: b\n\n", [ServerSent(b"a\nb")]),
        (b"data\n\n", []),
        (b"event: lonely\n\n", []),
        (b"\n\n\n\ndata: 1\n\n\n\n", [ServerSent(b"1")]),
        (b"data: 1", [ServerSent(b"1")]),
        (b"data: 1\n", [ServerSent(b"1")]),
        (b"", []),
    ],
)
def test_what_servers_send(wire: bytes, expected: list[ServerSent]) -> None:
    assert parse([wire]) == expected


def test_an_event_is_given_as_soon_as_its_blank_line_is_here() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: 1\r") == []
    assert parser.feed(b"\n\r") == [ServerSent(b"1")]
    assert parser.feed(b"\ndata: 2\r\r") == [ServerSent(b"2")]


@pytest.mark.parametrize("pieces", [[b"data: " + b"x" * 100], [b"data: "] + [b"x" * 10] * 10])
def test_an_event_over_the_limit_is_refused(pieces: list[bytes]) -> None:
    parser = SSEParser(max_line=64)
    with pytest.raises(UpstreamProtocolError, match="too long"):
        _ = [parser.feed(piece) for piece in pieces]


def test_a_long_event_in_many_pieces_is_not_searched_again_and_again() -> None:
    parser = SSEParser()
    parser.feed(b"data: ")
    for _ in range(100):
        assert parser.feed(b"x" * 1000) == []
    assert parser.feed(b"\n\n") == [ServerSent(b"x" * 100_000)]


@given(st.lists(st.sampled_from([b"{}", b'{"a":1}', b"two\nlines", b"[DONE]", b"\n"]), max_size=5))
def test_events_written_at_once_are_those_written_singly(payloads: list[bytes]) -> None:
    assert all_server_sent(payloads) == b"".join(map(server_sent, payloads))
