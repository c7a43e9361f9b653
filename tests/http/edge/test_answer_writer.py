"""The edge's writer of answers, read by another implementation."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.errors import InternalError
from continuum.http.edge.answer import AnswerWriter


def written(answer: AnswerWriter, status: int, pieces: list[bytes], headers: list[tuple[bytes, bytes]]) -> bytes:
    answer.start(status, headers)
    raw = b"".join(answer.body(piece, more=True) for piece in pieces[:-1])
    raw += answer.body(pieces[-1], more=False)
    assert answer.ended
    return raw


def heard(raw: bytes, method: str) -> tuple[h11.Response, bytes, bool]:
    """The answer's head, its body, and whether the connection can be used again."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(raw)
    client.receive_data(b"")
    response = client.next_event()
    assert isinstance(response, h11.Response)
    body = b""
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data)
        body += bytes(event.data)
    return response, body, client.our_state is h11.DONE


@given(
    st.lists(st.binary(max_size=20), min_size=1, max_size=5),
    st.sampled_from([(200, "GET"), (200, "HEAD"), (204, "GET"), (304, "GET"), (503, "POST")]),
    st.sets(st.sampled_from(["sized", "stays"])),
    st.integers(0, 1),
)
def test_an_answer_is_heard_as_it_was_meant(
    pieces: list[bytes], asked: tuple[int, str], how: set[str], minor: int
) -> None:
    status, method = asked
    whole = b"" if status in (204, 304) else b"".join(pieces)
    headers = [(b"content-length", b"%d" % len(whole))] if "sized" in how and status == 200 else []
    answer = AnswerWriter(keep_alive="stays" in how, minor=minor, bodyless=method == "HEAD")
    response, body, reusable = heard(written(answer, status, pieces, headers), method)
    assert response.status_code == status
    assert body == (b"" if method == "HEAD" else whole)
    assert reusable == answer.keep_alive or method == "HEAD"
    assert "stays" in how or not answer.keep_alive


def test_the_head_leaves_with_the_first_of_the_body() -> None:
    answer = AnswerWriter(keep_alive=True)
    answer.start(200, [(b"x", b"y")])
    assert answer.body(b"all", more=False) == b"HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 3\r\n\r\nall"


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb"])
def test_no_header_breaks_a_line(value: bytes) -> None:
    with pytest.raises(InternalError):
        AnswerWriter(keep_alive=True).start(200, [(b"x", value)])


def test_the_application_may_close() -> None:
    answer = AnswerWriter(keep_alive=True)
    raw = written(answer, 400, [b""], [(b"connection", b"close")])
    assert raw.count(b"connection: close\r\n") == 1
    assert not answer.keep_alive
