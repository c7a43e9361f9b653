"""fetch_url: asks first, judges where a name leads when it connects, gives text."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from acp_peer import ScriptedHost, text_answer
from desk import call, calls, open_desk, told

PAGE = (
    b"<html><head><title>x</title></head><body><script>no()</script><p>Hello &amp; good <b>day</b></p>Bye</body></html>"
)


class Site(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        match self.path:
            case "/elsewhere":
                self.answer(302, b"", location="http://example.invalid/x")
            case "/here":
                self.answer(302, b"", location="/page")
            case "/astray":
                self.answer(302, b"", location="http://[::")
            case "/hex" | "/idna":
                self.answer(200, PAGE, kind=f"text/html; charset={self.path[1:]}")
            case "/loop":
                self.answer(302, b"", location="/loop")
            case "/binary":
                self.answer(200, b"\0\1", kind="application/zip")
            case "/large":
                self.answer(200, b"x" * 6_000_000, kind="text/plain")
            case "/missing":
                self.answer(404, b"nothing", kind="text/plain")
            case _:
                self.answer(200, PAGE, kind="text/html; charset=nonsense")

    def answer(self, status: int, body: bytes, *, kind: str = "text/plain", location: str | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        if location:
            self.send_header("location", location)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    Site.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


async def fetched(url: str, folder: Path, *, local: bool = True) -> tuple[str, int]:
    """What the model is told, and how often the user was asked."""
    scripted = ScriptedHost()
    scripted.answers.extend([calls(call("fetch_url", url=url)), text_answer("ok")])
    async with open_desk(scripted, acp={"tools": {"fetch_local": local}}) as ide:
        ide.permissions.default = "allow_once"
        await ide.prompt(await ide.new_session(str(folder)))
        asked = len(ide.permissions.asked)
    return told(scripted), asked


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/", "Hello & good day\nBye"),
        ("/here", "/page: status 200)\nHello"),
        ("/elsewhere", "leads to http://example.invalid/x: fetch that to go on"),
        ("/astray", "cannot be fetched"),
        ("/hex", "Hello & good day"),
        ("/idna", "Hello & good day"),
        ("/loop", "too many redirects"),
        ("/binary", "application/zip, 2 bytes, not shown"),
        ("/large", "truncated"),
        ("/missing", "status 404)\nnothing"),
    ],
)
async def test_pages(site: str, path: str, said: str, tmp_path: Path) -> None:
    text, asked = await fetched(site + path, tmp_path)
    assert said in text
    assert asked == 1
    assert len(text) < 60_000


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1"])  # noqa: S104 - to connect to
async def test_this_machine_is_refused_whatever_it_is_called(site: str, host: str, tmp_path: Path) -> None:
    text, _ = await fetched(site.replace("127.0.0.1", host), tmp_path, local=False)
    assert "refused" in text or "cannot be fetched" in text
    assert Site.asked == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "http://", "http://user:pass@x/", "x", ""])
async def test_what_is_no_web_address_is_refused_before_asking(url: str, tmp_path: Path) -> None:
    text, asked = await fetched(url, tmp_path)
    assert "The URL" in text
    assert asked == 0


async def test_a_name_that_cannot_be_one_is_not_found(tmp_path: Path) -> None:
    text, _ = await fetched(f"http://{'a' * 70}.example/", tmp_path)
    assert "cannot be fetched" in text
