"""Managed servers that do not start, crash or talk too much: real child processes over real sockets."""

import logging
import os
import signal
import sys

import pytest
import trio
from kennel import CHILD, Leashed, by_trio, command, crash, kennel, managed, owned, state_of, stopped_clock

from continuum.backends.managed import ManagedServer
from continuum.backends.managed.lifecycle import BACKOFF_FIRST
from continuum.errors import ConnectFailed

START_S = 6.0  # for servers that never become ready, though even a busy machine has started them by then


async def refusal(server: ManagedServer) -> ConnectFailed:
    with pytest.raises(ConnectFailed) as caught:
        await server.acquire()
    return caught.value


@by_trio
async def test_command_that_does_not_exist() -> None:
    async with owned(managed(["/nonexistent/llama-server", "--port", "{port}"])) as server:
        error = await refusal(server)
        assert error.message == "the managed server cannot be started: there is no such command"
        assert state_of(server) == "backoff"
        assert error.retry_after is not None
        assert 0 < error.retry_after <= BACKOFF_FIRST


@by_trio
async def test_command_that_may_not_be_run() -> None:
    async with owned(managed([CHILD, "--port", "{port}"])) as server:
        error = await refusal(server)
        assert error.message == "the managed server cannot be started: the command may not be run"


@by_trio
async def test_exit_at_once_tells_the_last_line_without_secrets() -> None:
    environ = {**os.environ, "SOME_API_KEY": "hidden-in-plain-sight"}
    said = "error: key hidden-in-plain-sight refused by https://me:pw@host/x for /home/me/model.gguf"
    async with kennel() as place:
        argv = command(place, "--port", "{port}", "--exit", "3", "--say", said)
        async with owned(managed(argv, environ=environ)) as server:
            error = await refusal(server)
    assert error.message == "the managed server exited with status 3: error: key *** refused by <url> for <path>"


@by_trio
async def test_backoff_answers_at_once_and_grows_then_tries_again() -> None:
    async with kennel() as place, owned(managed(command(place, "--port", "{port}", "--exit", "3"))) as server:
        first = await refusal(server)
        with stopped_clock() as clock:
            await place.next()
            assert (await refusal(server)).message == first.message
            assert place.nobody_waits()
            assert first.retry_after is not None
            clock.jump(first.retry_after)
        second = await refusal(server)
        await place.next()
        assert second.retry_after is not None
        assert second.retry_after > first.retry_after


@by_trio
async def test_never_ready_is_stopped_and_told() -> None:
    async with kennel() as place:
        argv = command(place, "--port", "{port}", "--status", "503")
        async with owned(managed(argv, start_timeout=START_S)) as server, trio.open_nursery() as nursery:
            children: list[Leashed] = []

            async def note() -> None:
                children.append(await place.next())

            nursery.start_soon(note)
            error = await refusal(server)
            assert error.message == "the managed server did not become ready in 6 s: it answers 503"
            await children[0].gone()


@by_trio
async def test_server_that_takes_another_port_is_never_ready() -> None:
    async with kennel() as place:
        argv = command(place)
        async with owned(managed(argv, start_timeout=START_S)) as server:
            error = await refusal(server)
            assert error.message == "the managed server did not become ready in 6 s: it does not listen"


@by_trio
async def test_a_fixed_port_that_is_taken_is_not_taken_for_ours() -> None:
    async with kennel() as place:
        url = f"http://127.0.0.1:{place.port}"
        async with owned(managed(command(place, "--port", str(place.port)), url=url)) as server:
            error = await refusal(server)
            assert error.message == "the managed server cannot be started: another program listens at its address"


@by_trio
async def test_answers_of_another_protocol() -> None:
    """A server that listens and talks, though not HTTP."""
    babble = (
        "import socket,sys\ns=socket.create_server(('127.0.0.1',int(sys.argv[1])))\n"
        "while True:\n c=s.accept()[0]; c.sendall(b'220 mail ready\\r\\n'); c.close()"
    )
    async with owned(managed([sys.executable, "-c", babble, "{port}"], start_timeout=START_S)) as server:
        error = await refusal(server)
        assert error.message == "the managed server did not become ready in 6 s: it does not speak HTTP"


@by_trio
async def test_a_crash_is_answered_by_a_restart_and_a_second_one_by_backoff() -> None:
    async with kennel() as place, owned(managed(command(place, "--port", "{port}"))) as server:
        for state in ("stopped", "backoff"):
            url = await server.acquire()
            child = await place.next()
            await crash(url)
            await child.gone()
            assert await server.until("stopped", "backoff") == state
            server.release()
        with stopped_clock():
            error = await refusal(server)
        assert error.message == "the managed server exited with status 7: fatal: asked to crash"


@by_trio
async def test_killed_server_and_killed_guardian() -> None:
    async with kennel() as place, owned(managed(command(place, "--port", "{port}"))) as server:
        await server.acquire()
        child = await place.next()
        os.kill(child.pid, signal.SIGKILL)
        await server.until("stopped")
        await server.acquire()
        child = await place.next()
        os.kill(child.parent, signal.SIGKILL)
        await child.gone()
        assert await server.until("backoff")


@by_trio
async def test_output_goes_to_the_log_and_stays_bounded() -> None:
    records: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record.getMessage())

    logger = logging.getLogger("continuum.managed")
    handler, level = Keep(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    noise = (
        "import sys\nprint('x' * 1000000)\nfor n in range(5000): print('line', n)\nprint('token=abcdefgh')\nsys.exit(4)"
    )
    try:
        async with owned(managed([sys.executable, "-c", noise])) as server:
            error = await refusal(server)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert error.message == "the managed server exited with status 4: token=***"
    assert "small: line 4999" in records
    assert max(map(len, records)) < 400
    assert not any("abcdefgh" in record for record in records)
