"""Framing and decoding: every kind of line, and chunking that never matters."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.acp import jsonrpc
from continuum.acp.jsonrpc import Invalid, Message, MessageReader, Notification, Request, Response, decode


def read(*chunks: bytes, limit: int = jsonrpc.MAX_LINE) -> list[Message]:
    reader = MessageReader(limit)
    messages = [message for chunk in chunks for message in reader.feed(chunk)]
    return messages + reader.finish()


def _request(ident: object, method: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": ident, "method": method}).encode()


LINES = st.lists(
    st.one_of(
        st.binary(max_size=40).filter(lambda data: b"\n" not in data),
        st.builds(
            _request,
            st.one_of(st.integers(), st.text(max_size=5), st.none(), st.booleans()),
            st.text(max_size=5),
        ),
    ),
    max_size=8,
)


@given(lines=LINES, cuts=st.lists(st.integers(0, 400), max_size=6), ended=st.booleans())
def test_chunking_never_matters(lines: list[bytes], cuts: list[int], *, ended: bool) -> None:
    data = b"\n".join(lines) + (b"\n" if ended else b"")
    places = sorted({min(cut, len(data)) for cut in cuts})
    chunks = [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]
    assert read(*chunks, limit=60) == read(data, limit=60)
    assert read(*(data[i : i + 1] for i in range(len(data))), limit=60) == read(data, limit=60)


@given(st.binary(max_size=200))
def test_no_line_raises(line: bytes) -> None:
    decode(line.replace(b"\n", b""))


@pytest.mark.parametrize("ident", [0, -1, 2**53 + 1, 2**70, "", "1", 1, "x" * 1000, None, "ünï\ud800"])
def test_ids_are_echoed_with_their_type(ident: Any) -> None:
    message = decode(json.dumps({"jsonrpc": "2.0", "id": ident, "method": "m"}).encode())
    assert isinstance(message, Request)
    assert (message.id, type(message.id)) == (ident, type(ident))
    echoed = json.loads(jsonrpc.encode_result(message.id, {}))["id"]
    assert (echoed, type(echoed)) == (ident, type(ident))


@pytest.mark.parametrize("ident", ["{}", "[]", "true", "false", "1.5", "1.0", "1e3"])
def test_other_ids_are_refused_under_none(ident: str) -> None:
    message = decode(b'{"jsonrpc":"2.0","id":%s,"method":"m"}' % ident.encode())
    assert isinstance(message, Invalid)
    assert (message.code, message.id) == (-32600, None)


@pytest.mark.parametrize(
    ("line", "ident"),
    [
        (b"{}", None),
        (b"[]", None),
        (b'[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":2,"method":"b"}]', None),
        (b"1", None),
        (b'"x"', None),
        (b"null", None),
        (b'{"id":7,"method":"m"}', 7),
        (b'{"jsonrpc":"1.0","id":7,"method":"m"}', 7),
        (b'{"jsonrpc":2.0,"id":7,"method":"m"}', 7),
        (b'{"jsonrpc":"2.0","id":7,"method":5}', 7),
        (b'{"jsonrpc":"2.0","method":null}', None),
        (b'{"jsonrpc":"2.0","id":7}', 7),
        (b'{"jsonrpc":"2.0","result":{}}', None),
        (b'{"jsonrpc":"2.0","id":7,"result":1,"error":{}}', 7),
    ],
)
def test_json_that_is_no_message_is_an_invalid_request(line: bytes, ident: object) -> None:
    message = decode(line)
    assert isinstance(message, Invalid)
    assert (message.code, message.id) == (-32600, ident)


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"hello",
        b'{"jsonrpc":"2.0","id":1,"method":"m"} trailing',
        b'{"id":NaN}',
        b'{"id":-Infinity}',
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":1e999}',
        b'{"id":' + b"9" * 6000 + b"}",
        b"\xff\xfe\xfd",
        b'{"jsonrpc":"2.0","method":"\xc3"}',
        '{"jsonrpc":"2.0","id":1,"method":"m"}'.encode("utf-16"),
        '{"jsonrpc":"2.0","id":1,"method":"m"}'.encode("utf-32-le"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 200 + b"]" * 200,
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":' + b"[" * 128 + b"]" * 128 + b"}",
    ],
)
def test_what_is_not_json_is_a_parse_error_without_id(line: bytes) -> None:
    message = decode(line)
    assert isinstance(message, Invalid)
    assert (message.code, message.id) == (-32700, None)


def test_depth_within_the_limit_is_fine() -> None:
    deep = b"[" * 126 + b"]" * 126
    assert isinstance(decode(b'{"jsonrpc":"2.0","id":1,"method":"m","params":' + deep + b"}"), Request)


def test_kinds() -> None:
    assert decode(b'{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}') == Request(1, "m", [1])
    assert decode(b'{"jsonrpc":"2.0","method":"m"}') == Notification("m")
    assert decode(b'{"jsonrpc":"2.0","id":1,"result":null}') == Response(1)
    assert decode(b'{"jsonrpc":"2.0","id":1,"error":{"code":1}}') == Response(1, error={"code": 1})


def test_a_line_after_a_bad_one_works() -> None:
    good = b'{"jsonrpc":"2.0","method":"m"}'
    utf16 = "{}\n".encode("utf-16-le")
    for bad in (b"{\n", b"\xff\n", b"[" * 100_000 + b"\n", utf16):
        assert read(bad + good + b"\n")[-1] == Notification("m")


def test_blank_lines_byte_order_mark_and_crlf_are_let_pass() -> None:
    good = b'{"jsonrpc":"2.0","method":"m"}'
    assert read(b"\r\n\n  \n\xef\xbb\xbf" + good + b"\r\n" + good) == [Notification("m")] * 2


def test_a_line_at_the_limit_is_read_and_one_over_it_skipped() -> None:
    line = b'{"jsonrpc":"2.0","method":"m"}'
    assert read(line + b"\n", limit=len(line)) == [Notification("m")]
    (refused, after) = read(line + b" \n" + line[:0] + b"{\n", limit=len(line))
    assert isinstance(refused, Invalid)
    assert refused.code == -32600
    assert isinstance(after, Invalid)


def test_memory_is_bounded_while_a_line_is_skipped() -> None:
    reader = MessageReader(limit=100_000)
    chunk = b"x" * 65536
    for _ in range(1000):
        assert reader.feed(chunk) == []
        assert reader.held <= 100_000
    (refused,) = reader.feed(b"\n")
    assert isinstance(refused, Invalid)
    assert refused.code == -32600


def test_what_is_sent_is_one_ascii_line() -> None:
    for line in (
        jsonrpc.encode_result(1, {"t": "a\nb\u2028ü"}),
        jsonrpc.encode_error(None, -1, "ü\n"),
        jsonrpc.encode_notification("m", {"t": "\ud800"}),
    ):
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert line.isascii()
    assert "data" not in json.loads(jsonrpc.encode_error(1, -1, "m"))["error"]
    assert sys.getrecursionlimit() > jsonrpc.MAX_DEPTH
