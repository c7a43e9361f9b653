"""`bind_address`: host:port, [v6]:port, unix:/path, several of them."""

import pytest

from continuum.config import Server
from continuum.config.address import TcpAddress, UnixAddress, parse_bind


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("127.0.0.1:8080", [TcpAddress("127.0.0.1", 8080)]),
        ("localhost:0", [TcpAddress("localhost", 0)]),
        ("[::1]:443", [TcpAddress("::1", 443)]),
        ("unix:/run/continuum.sock", [UnixAddress("/run/continuum.sock")]),
        ("a.example:1, unix:/s", [TcpAddress("a.example", 1), UnixAddress("/s")]),
        ("127.0.0.1:0,127.0.0.1:0", [TcpAddress("127.0.0.1", 0), TcpAddress("127.0.0.1", 0)]),
    ],
)
def test_parsed(text: str, addresses: list[TcpAddress | UnixAddress]) -> None:
    assert parse_bind(text) == addresses
    assert parse_bind(",".join(map(str, addresses))) == addresses


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "must be host:port"),
        ("8080", "must be host:port"),
        (":8080", "must be host:port"),
        ("*:8080", "must be host:port"),
        ("host:", "must be host:port"),
        ("::1:8080", "must be host:port"),
        ("http://h:1", "must be host:port"),
        ("h:1,", "must be host:port"),
        ("h:65536", "port from 0 to 65535"),
        ("h:" + "9" * 5000, "port from 0 to 65535"),
        ("h:-1", "must be host:port"),
        ("h:٣", "must be host:port"),
        ("[h]:1", "IPv6 address between its brackets"),
        ("127.0.0:80", "whole IP address"),
        ("256.0.0.1:80", "whole IP address"),
        ("unix:relative.sock", "absolute path"),
        ("unix:/" + "x" * 200, "at most 107 bytes"),
        ("h:1,h:1", "same address twice"),
    ],
)
def test_refused(text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        parse_bind(text)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        *((text, True) for text in ("127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix:/s")),
        *((text, False) for text in ("0.0.0.0:1", "[::]:1", "example.org:1")),
    ],
)
def test_loopback(text: str, loopback: bool) -> None:  # noqa: FBT001 - a parameter of the table
    assert parse_bind(text)[0].loopback is loopback


def test_a_list_is_kept_as_one_string() -> None:
    server = Server.model_validate({"bind_address": ["127.0.0.1:1", "unix:/s", "[::1]:2"]})
    assert server.bind_address == "127.0.0.1:1,unix:/s,[::1]:2"
