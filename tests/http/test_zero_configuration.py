"""HTTP mode with no file at all, as a process: keys in the environment, the table, the next free port."""

import socket
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import trio
from chat import TEXT, ask, asked, client_of
from serving import BACKEND_KEY, LISTENING, Router

from continuum.config import Server
from continuum.errors import ConfigError
from continuum.http import listen
from continuum.testing.upstream import open_upstream

HTTP = ["-m", "continuum", "--mode", "http"]


async def test_a_key_in_the_environment_is_a_backend(tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        environ = {"OPENAI_API_KEY": BACKEND_KEY, "OPENAI_BASE_URL": f"{upstream.url}/v1"}
        router = Router([*HTTP, "--bind", "127.0.0.1:0"], home=tmp_path, environ=environ)
        try:
            await trio.to_thread.run_sync(router.wait_until_listening)
            async with client_of(router.url) as client:
                received = await ask(client, asked())
        finally:
            await trio.to_thread.run_sync(router.stop)
        call = await upstream.next_call()
    assert received.text == TEXT
    assert received.headers["x-continuum-backend"] == "openai"
    assert dict(call.headers)["authorization"] == f"Bearer {BACKEND_KEY}"
    lines = router.stderr.splitlines()
    assert lines[0] == "continuum: no configuration file; looked at what this machine has:"
    assert "backend openai at OPENAI_BASE_URL" in lines[1]
    assert BACKEND_KEY not in router.stderr


async def test_nothing_at_all_serves_no_models(tmp_path: Path) -> None:
    """Backends that are said to be none are not looked for either."""
    arguments = [*HTTP, "--bind", "127.0.0.1:0", "--set", "backends=[]"]
    with Router(arguments, home=tmp_path, environ={"OPENAI_API_KEY": BACKEND_KEY}) as router:
        await trio.to_thread.run_sync(router.wait_until_listening)
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{router.url}/v1/models")
        assert answer.json()["data"] == []
        assert "looked at" not in router.stderr


def test_a_faulty_variable_is_one_clear_line(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": BACKEND_KEY, "OPENAI_BASE_URL": "gateway.example"}
    with Router([*HTTP], home=tmp_path, environ=environ) as router:
        assert router.wait(30) == 2
    (line,) = router.stderr.splitlines()
    assert line.startswith("continuum: OPENAI_BASE_URL: backends.0.url: must begin with http://")
    assert BACKEND_KEY not in line


def test_what_is_probably_not_meant_is_told_at_the_start(tmp_path: Path) -> None:
    rule = 'routing.rules=[{"match": "m", "backends": ["gone"]}]'
    arguments = [*HTTP, "--bind", "127.0.0.1:0", "--set", "backends=[]", "--set", rule]
    with Router(arguments, home=tmp_path) as router:
        router.wait_for_line(LISTENING)
        assert "continuum.config: routing.rules.0.backends.0: there is no backend 'gone'" in router.stderr


def test_where_the_default_port_is_taken_the_next_free_one_is_used() -> None:
    server = Server()
    with ExitStack() as stack:
        default = socket.socket()
        stack.enter_context(default)
        default.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            default.bind(("127.0.0.1", 8080))
            default.listen()
        except OSError:
            pass  # somebody else has it: taken all the same
        (listener,) = stack.enter_context(listen(server))
        assert 8080 < int(listener.url.rpartition(":")[2]) <= 8180
        listener.socket.listen()
        (second,) = stack.enter_context(listen(server))
        assert int(second.url.rpartition(":")[2]) > int(listener.url.rpartition(":")[2])


def test_a_port_that_was_given_is_not_changed() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match="is in use by another process"), listen(Server(bind_address=address)):
            pass
