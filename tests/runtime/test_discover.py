"""What a machine without a configuration has, over real sockets: keys with their URLs, servers on loopback."""

import json
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio

from continuum.backends.loopback import look_around
from continuum.config import from_mapping, masked
from continuum.config.codec import parse
from continuum.errors import ConfigError
from continuum.providers import PROVIDERS, Loopback
from continuum.runtime import Discovery, discover, outline, rows
from continuum.runtime.discover import PLACES, Place
from continuum.testing.upstream import open_upstream

PATIENT = 30.0  # seconds: long enough on any machine, since every server here answers or refuses
KEY = "sk-planted-4711"


@pytest.fixture
def refusing() -> Generator[int]:
    """A port that refuses connections and that nobody else can take."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def silent() -> Generator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


@asynccontextmanager
async def saying(data: bytes) -> AsyncGenerator[int]:
    """A port where every connection gets these bytes once it has sent some, and is closed."""

    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(data)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def answering(body: dict[str, Any] | bytes, status: int = 200, server: str = "") -> AbstractAsyncContextManager[int]:
    """A port where every request gets this answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = f"server: {server}\r\n" if server else ""
    return saying(f"HTTP/1.1 {status} X\r\n{named}content-length: {len(content)}\r\n\r\n".encode() + content)


def listing(*ids: str, owner: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": each, "object": "model", "owned_by": owner} for each in ids]}


def place(port: int, title: str = "Desk", kind: str = "generic", **marks: str) -> Place:
    return Place(Loopback(title=title, port=port, **marks), PROVIDERS[kind])


async def found_at(*places: Place, **environ: str) -> Discovery:
    return await discover(environ, places=places, patience=PATIENT)


def told(discovery: Discovery) -> dict[str, str]:
    return {each.where: each.what for each in discovery.findings}


def test_the_contracts_places() -> None:
    assert {(each.mark.title, each.mark.port) for each in PLACES} == {
        ("Ollama", 11434),
        ("llama.cpp", 8080),
        ("vLLM", 8000),
        ("LM Studio", 1234),
    }


async def test_a_key_in_the_environment() -> None:
    discovery = await found_at(OPENAI_API_KEY=KEY, OPENAI_ORG_ID="org-1")
    (backend,) = discovery.backends
    assert backend.values == {"name": "openai", "type": "openai", "api_key": KEY, "org_id": "org-1"}
    assert backend.as_written()["api_key"] == "${OPENAI_API_KEY}"
    assert told(discovery)["OPENAI_API_KEY"] == "backend openai"
    assert told(discovery)["embedded model"] == "not needed; --local uses it alone"
    config = from_mapping({}, overlay=discovery.overlay())
    assert config.backends[0].api_key is not None
    assert config.backends[0].api_key.reveal() == KEY
    assert KEY not in f"{masked(config)}{list(rows(discovery.findings))}{outline(discovery)}"


async def test_a_key_goes_to_its_own_house() -> None:
    discovery = await found_at(OPENAI_API_KEY=KEY, OPENAI_BASE_URL="https://gateway.example/v1")
    (backend,) = from_mapping({}, overlay=discovery.overlay()).backends
    assert backend.base == "https://gateway.example"
    assert told(discovery)["OPENAI_API_KEY"] == "backend openai at OPENAI_BASE_URL"


@pytest.mark.parametrize(
    "environ", [{}, {"OPENAI_API_KEY": ""}, {"OPENAI_API_KEY": " "}, {"OPENAI_BASE_URL": "http://h"}]
)
async def test_no_key(environ: dict[str, str]) -> None:
    discovery = await found_at(**environ)
    assert discovery.backends == ()
    assert told(discovery)["OPENAI_API_KEY"] == "not set"


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        ("OPENAI_BASE_URL", "htt://x", "OPENAI_BASE_URL: backends.0.url: must begin with http://, https:// or"),
        ("OPENAI_BASE_URL", "http://169.254.169.254", "OPENAI_BASE_URL: backends.0.url: must not be a link-local or"),
        ("OPENAI_API_KEY", f"{KEY}\n", "OPENAI_API_KEY: backends.0.api_key: must not hold line breaks or"),
    ],
)
async def test_a_faulty_variable_is_named(variable: str, value: str, fault: str) -> None:
    discovery = await found_at(**{"OPENAI_API_KEY": KEY, variable: value})
    with pytest.raises(ConfigError) as caught:
        from_mapping({}, overlay=discovery.overlay())
    assert str(caught.value).startswith(fault)
    assert KEY not in str(caught.value)


async def test_servers_on_loopback(refusing: int) -> None:
    async with (
        answering(listing("m", "n", owner="llamacpp")) as one,
        answering(listing("m", owner="somebody")) as two,
        answering(listing(owner="")) as three,
    ):
        discovery = await found_at(
            place(one, "Right"), place(two, "Left"), place(three, "Empty"), place(refusing, "Nobody")
        )
    assert [dict(each.values) for each in discovery.backends] == [
        {"name": "llamacpp", "type": "llamacpp", "url": f"http://127.0.0.1:{one}"},
        {"name": f"server-{two}", "type": "generic", "url": f"http://127.0.0.1:{two}"},
        {"name": f"server-{three}", "type": "generic", "url": f"http://127.0.0.1:{three}"},
    ]
    assert {thing: said for thing, said in told(discovery).items() if said != "not set"} == {
        f"Right (port {one})": "backend llamacpp (2 models)",
        f"Left (port {two})": f"backend server-{two} (1 model)",
        f"Empty (port {three})": f"backend server-{three} (0 models)",
        f"Nobody (port {refusing})": "nothing answers",
        "embedded model": "not needed; --local uses it alone",
    }
    assert len(from_mapping({}, overlay=discovery.overlay()).backends) == 3


async def test_two_servers_of_one_kind_have_two_names() -> None:
    async with (
        answering(listing("m", owner="llamacpp")) as one,
        answering(listing("n", owner="llamacpp")) as two,
    ):
        discovery = await found_at(place(one), place(two))
    assert [each.name for each in discovery.backends] == ["llamacpp", f"llamacpp-{two}"]


@pytest.mark.parametrize(
    ("body", "status", "server", "what"),
    [
        (listing("m", owner="continuum"), 200, "continuum", "another Continuum, not used"),
        (b"", 404, "continuum", "another Continuum, not used"),
        (b"<html>", 200, "nginx", "something else answers"),
        (b"{}", 200, "", "something else answers"),
        (b"", 404, "", "something else answers"),
        (b"", 503, "", "something else answers"),
        (b"{}", 401, "", "wants a key: write it into a configuration file"),
    ],
)
async def test_what_is_not_used(body: dict[str, Any] | bytes, status: int, server: str, what: str) -> None:
    async with answering(body, status, server) as port:
        discovery = await found_at(place(port))
    assert discovery.backends == ()
    assert told(discovery)[f"Desk (port {port})"] == what


async def test_a_server_that_is_still_loading() -> None:
    async with answering(b'{"error": {"message": "Loading model"}}', 503, "llama.cpp") as port:
        discovery = await found_at(place(port))
    assert [each.values["type"] for each in discovery.backends] == ["llamacpp"]
    assert told(discovery)[f"Desk (port {port})"] == "backend llamacpp, still loading"


async def test_what_speaks_no_http() -> None:
    async with saying(b"220 mail\r\n" * 10) as port:
        discovery = await found_at(place(port))
    assert told(discovery)[f"Desk (port {port})"] == "something else answers"


async def test_all_are_asked_at_once() -> None:
    """The server answers nobody before everybody has asked."""
    asked, everybody, wanted = 0, trio.Event(), 20

    async def answer(stream: trio.SocketStream) -> None:
        nonlocal asked
        await stream.receive_some()
        asked += 1
        if asked == wanted:
            everybody.set()
        await everybody.wait()
        await stream.send_all(b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n")
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        looks = await look_around([f"http://127.0.0.1:{port}/{number}" for number in range(wanted)], PATIENT)
        nursery.cancel_scope.cancel()
    assert [look.status for look in looks.values()] == [404] * wanted


async def test_silence_is_told(silent: int) -> None:
    discovery = await discover({}, places=[place(silent)], patience=0.05)
    assert told(discovery)[f"Desk (port {silent})"] == "does not answer in time"


async def test_a_url_that_leads_back_here_is_not_used(refusing: int) -> None:
    """Clients are pointed at Continuum by the same variable: used as a backend, calls would never end."""
    url = f"http://localhost:{refusing}/v1"
    discovery = await found_at(OPENAI_API_KEY=KEY, OPENAI_BASE_URL=url)
    assert discovery.backends == ()
    assert told(discovery)["OPENAI_API_KEY"] == "not used: nothing answers at OPENAI_BASE_URL"
    async with answering(b"{}", 404, "continuum") as port:
        discovery = await found_at(OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"http://127.0.0.1:{port}")
    assert told(discovery)["OPENAI_API_KEY"] == "not used: OPENAI_BASE_URL is another Continuum"


async def test_one_server_is_one_backend() -> None:
    async with open_upstream() as upstream:
        discovery = await found_at(place(upstream.port), OPENAI_API_KEY=KEY, OPENAI_BASE_URL=upstream.url)
        assert [each.name for each in discovery.backends] == ["openai"]
        assert upstream.requests
        assert all("authorization" not in dict(request.headers) for request in upstream.requests)


async def test_the_first_file(refusing: int) -> None:
    async with answering(listing("m", owner="llamacpp")) as port:
        discovery = await found_at(place(port, "Right"), place(refusing, "Nobody"), OPENAI_API_KEY=KEY)
    text = outline(discovery)
    assert parse(text, "yaml").data == {
        "backends": [
            {"name": "openai", "type": "openai", "api_key": "${OPENAI_API_KEY}"},
            {"name": "llamacpp", "type": "llamacpp", "url": f"http://127.0.0.1:{port}"},
        ]
    }
    assert f"# Nobody (port {refusing})" in text
    assert "# rate_limiting " in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_a_first_file_with_nothing_in_it() -> None:
    text = outline(Discovery((), ()))
    assert parse(text, "yaml").data == {}
    example = "\n".join(
        line.removeprefix("# ") for line in text.splitlines() if line.startswith(("# backends", "#   "))
    )
    assert "type: openai" in example


def test_a_first_file_with_the_embedded_model() -> None:
    (backend,) = from_mapping(parse(outline(Discovery((), (), embedded=True)), "yaml").data).backends
    assert backend.managed is not None


@pytest.mark.parametrize(
    ("environ", "backend"),
    [
        ({"ANTHROPIC_API_KEY": KEY}, {"name": "anthropic", "type": "anthropic", "api_key": KEY}),
        ({"GEMINI_API_KEY": KEY}, {"name": "gemini", "type": "gemini", "api_key": KEY}),
        (
            {"AZURE_OPENAI_API_KEY": KEY, "AZURE_OPENAI_ENDPOINT": "https://a.test", "OPENAI_API_VERSION": "v"},
            {"name": "azure", "type": "azure", "api_key": KEY, "url": "https://a.test", "api_version": "v"},
        ),
    ],
)
async def test_every_vendors_key(environ: dict[str, str], backend: dict[str, str]) -> None:
    discovery = await found_at(**environ)
    assert [found.values for found in discovery.backends] == [backend]


async def test_a_key_that_belongs_to_no_known_address_is_not_used() -> None:
    discovery = await found_at(AZURE_OPENAI_API_KEY=KEY)
    assert discovery.backends == ()
    assert "AZURE_OPENAI_ENDPOINT" in told(discovery)["AZURE_OPENAI_API_KEY"]
