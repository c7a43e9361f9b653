"""A backend's URL: its legal forms, and the addresses that are refused in every notation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuum.config.url import is_forbidden, parse_url


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000"),
        ("https://api.example.com/openai/v1", "https://api.example.com/openai"),
        ("https://API.Example.com", "https://api.example.com"),
        ("http://[::1]:9/v1", "http://[::1]:9"),
        ("http://10.0.0.1", "http://10.0.0.1"),
        ("http://vllm_1:8000", "http://vllm_1:8000"),
        ("http://bücher.example", "http://xn--bcher-kva.example"),
        ("http+unix:///run/model.sock", "http+unix:///run/model.sock"),
        ("http+unix:///run/model.sock/v1", "http+unix:///run/model.sock"),
    ],
)
def test_base(text: str, base: str) -> None:
    assert parse_url(text).base == base


def test_parts() -> None:
    url = parse_url("http://[::1]:9/x/v1")
    assert (url.host, url.port, url.path, url.socket) == ("::1", 9, "/x", None)
    assert parse_url("http+unix:///run/model.sock").socket == "/run/model.sock"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "must begin with"),
        ("h:8000", "must begin with"),
        ("ftp://h", "must begin with"),
        ("file:///etc/passwd", "must begin with"),
        ("http:h", "must begin with"),
        ("http:///v1", "valid host name"),
        ("http://user:pw@h", "user name or password"),
        ("http://@h", "user name or password"),
        ("http://h/#x", "fragment"),
        ("http://h/?key=1", "query"),
        ("http://h/\r\nX: y", "control characters"),
        ("http://h\x00", "control characters"),
        ("http://h h", "spaces"),
        ("http://h\\@x", "backslashes"),
        ("http://h:0", "port from 1 to 65535"),
        ("http://h:65536", "port from 1 to 65535"),
        ("http://h:x", "port from 1 to 65535"),
        ("http://[::1", "must be a URL"),
        ("http://[zz]", "must be a URL|IPv6"),
        ("http://-h", "valid host name"),
        ("http://h%31", "valid host name"),
        ("http+unix://run/model.sock", "absolute path"),
        ("http+unix:///", "absolute path"),
    ],
)
def test_refused(text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as caught:
        parse_url(text)
    assert "pw" not in str(caught.value).replace("password", "")


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.1.1",
        "169.254.169.254.",
        "2852039166",
        "0xA9FEA9FE",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.16689662",
        "①⑥⑨.②⑤④.①⑥⑨.②⑤④",
        "169。254。169。254",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[FEBF::1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[2002:a9fe:a9fe::1]",
        "[64:ff9b::a9fe:a9fe]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "metadata.google.internal",
        "Metadata.Google.Internal.",
        "metadata",
    ],
)
def test_link_local_and_metadata_addresses_are_refused(host: str) -> None:
    for text in (f"http://{host}", f"https://{host}:8080/v1"):
        with pytest.raises(ValueError, match="must not be a link-local or metadata address"):
            parse_url(text)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "example.org", "170.254.1.1", "fd00::1", ""]
)
def test_other_addresses_are_not(host: str) -> None:
    assert not is_forbidden(host)


@given(
    st.integers(min_value=0, max_value=0xFFFF), st.sampled_from([int, hex, oct]), st.integers(min_value=1, max_value=4)
)
def test_no_notation_of_a_link_local_address_gets_through(low: int, base: type, parts: int) -> None:
    number = (169 << 24) + (254 << 16) + low
    octets = list(number.to_bytes(4, "big"))
    tail = int.from_bytes(octets[parts - 1 :], "big")
    text = ".".join(str(base(each)).replace("0o", "0") for each in (*octets[: parts - 1], tail))
    assert is_forbidden(text)


@given(st.text(max_size=40))
def test_any_text_is_a_url_or_a_value_error(text: str) -> None:
    for url in (text, f"http://{text}", f"http+unix:///{text}"):
        try:
            parse_url(url)
        except ValueError as error:
            assert str(error).startswith("must")  # noqa: PT017 - either way is right
