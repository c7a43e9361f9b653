"""Managed servers: real child processes over real sockets, ended in every way a process can end."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from continuum.backends.managed import ManagedServer
from continuum.backends.managed.lifecycle import BACKOFF_FIRST
from continuum.errors import ConnectFailed

CHILD = str(Path(__file__).with_name("managed_child.py"))
PATIENCE = 20


def by_trio(test: Callable[..., Any]) -> Callable[[], None]:
    """A test that is a coroutine function, run by trio with a deadline."""

    def run() -> None:
        async def bounded() -> None:
            with trio.fail_after(PATIENCE):
                await test()

        # It runs like the real one, and can be put forward.
        trio.run(bounded, clock=trio.testing.MockClock(rate=1))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


class Leashed:
    """One child process as seen from its leash."""

    def __init__(self, about: dict[str, Any], stream: trio.SocketStream) -> None:
        self.pid: int = about["pid"]
        self.parent: int = about["parent"]
        self.port: int | None = about["port"]
        self.environ: dict[str, str] = about["environ"]
        self._stream = stream

    async def gone(self) -> None:
        """Wait for the end of the process."""
        try:
            while await self._stream.receive_some():
                pass
        except trio.BrokenResourceError:
            pass


class Kennel:
    """Where children report. `next` is the next child that came up."""

    def __init__(self, listener: trio.SocketListener) -> None:
        self._listener = listener
        self.port: int = listener.socket.getsockname()[1]
        self._streams: list[trio.SocketStream] = []

    async def next(self) -> Leashed:
        stream = await self._listener.accept()
        self._streams.append(stream)
        heard = b""
        while b"\n" not in heard:
            heard += await stream.receive_some()
        return Leashed(json.loads(heard), stream)

    def nobody_waits(self) -> bool:
        """Whether no further child has come up."""
        try:
            socket_copy = socket.socket(fileno=os.dup(self._listener.socket.fileno()))
            with socket_copy:
                socket_copy.settimeout(0)
                accepted, _ = socket_copy.accept()
                accepted.close()
        except BlockingIOError:
            return True
        return False

    async def aclose(self) -> None:
        await self._listener.aclose()
        for stream in self._streams:
            await trio.aclose_forcefully(stream)


@asynccontextmanager
async def kennel() -> AsyncGenerator[Kennel, None]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    place = Kennel(listener)
    try:
        yield place
    finally:
        await place.aclose()


def command(place: Kennel, *options: str) -> list[str]:
    return [sys.executable, CHILD, "--leash", str(place.port), *options]


def managed(
    argv: list[str],
    *,
    url: str = "http://127.0.0.1:{port}",
    start_timeout: float = PATIENCE,
    idle_stop: float | None = None,
    environ: dict[str, str] | None = None,
) -> ManagedServer:
    surroundings = dict(os.environ) if environ is None else environ
    return ManagedServer("small", argv, url, "/health", start_timeout, idle_stop, surroundings)


@asynccontextmanager
async def owned(server: ManagedServer) -> AsyncGenerator[ManagedServer, None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.run)
        try:
            yield server
        finally:
            nursery.cancel_scope.cancel()


def state_of(server: ManagedServer) -> str:
    return server.state


async def status_of(url: str) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(url)).status_code


async def crash(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(f"{url}/crash")


# --- starting ---


@by_trio
async def test_starts_on_first_use_waits_until_ready_and_leaves_nothing() -> None:
    async with kennel() as place:
        server = managed(command(place, "--port", "{port}", "--loading", "3"))
        async with owned(server):
            await trio.testing.wait_all_tasks_blocked()
            assert state_of(server) == "stopped"
            assert place.nobody_waits()
            url = await server.acquire()
            child = await place.next()
            assert url == f"http://127.0.0.1:{child.port}"
            assert state_of(server) == "ready"
            assert await status_of(url) == 200
        await child.gone()
        assert state_of(server) == "stopped"


@by_trio
async def test_many_callers_share_one_start_and_one_that_leaves_takes_nothing_away() -> None:
    async with kennel() as place, owned(managed(command(place, "--port", "{port}", "--loading", "2"))) as server:
        urls: list[str] = []

        async def caller() -> None:
            urls.append(await server.acquire())

        async with trio.open_nursery() as callers:
            first = trio.CancelScope()

            async def impatient() -> None:
                with first:
                    await server.acquire()

            callers.start_soon(impatient)
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(9):
                callers.start_soon(caller)
            await server.until("starting")
            first.cancel()
        assert len(urls) == 9
        assert len(set(urls)) == 1
        await place.next()
        assert place.nobody_waits()


@by_trio
async def test_each_start_takes_a_fresh_port() -> None:
    async with kennel() as place, owned(managed(command(place, "--port", "{port}"))) as server:
        url = await server.acquire()
        await place.next()
        held = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
        await crash(url)
        held.close()
        await server.until("stopped")
        again = await server.acquire()
        second = await place.next()
        assert again == f"http://127.0.0.1:{second.port}"


@by_trio
async def test_child_gets_a_reduced_environment() -> None:
    environ = {**os.environ, "OPENAI_API_KEY": "sk-hidden-hidden", "HF_TOKEN": "hidden", "LC_ALL": "C", "ODD": "1"}
    async with kennel() as place, owned(managed(command(place, "--port", "{port}"), environ=environ)) as server:
        await server.acquire()
        child = await place.next()
        assert child.environ["PATH"] == os.environ["PATH"]
        assert child.environ["LC_ALL"] == "C"
        assert not {"OPENAI_API_KEY", "HF_TOKEN", "ODD"} & child.environ.keys()


# --- not starting ---


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
        assert error.retry_after == pytest.approx(BACKOFF_FIRST, abs=0.2)


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
        await place.next()
        with trio.fail_after(0.3):
            assert (await refusal(server)).message == first.message
        assert place.nobody_waits()
        assert first.retry_after is not None
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, trio.testing.MockClock)
        clock.jump(first.retry_after)
        second = await refusal(server)
        await place.next()
        assert second.retry_after is not None
        assert second.retry_after > first.retry_after


@by_trio
async def test_never_ready_is_stopped_and_told() -> None:
    async with kennel() as place:
        argv = command(place, "--port", "{port}", "--status", "503")
        async with owned(managed(argv, start_timeout=1)) as server, trio.open_nursery() as nursery:
            children: list[Leashed] = []

            async def note() -> None:
                children.append(await place.next())

            nursery.start_soon(note)
            error = await refusal(server)
            assert error.message == "the managed server did not become ready in 1 s: it answers 503"
            await children[0].gone()


@by_trio
async def test_server_that_takes_another_port_is_never_ready() -> None:
    async with kennel() as place:
        argv = command(place)
        async with owned(managed(argv, start_timeout=1)) as server:
            error = await refusal(server)
            assert error.message == "the managed server did not become ready in 1 s: it does not listen"


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
    async with owned(managed([sys.executable, "-c", babble, "{port}"], start_timeout=1)) as server:
        error = await refusal(server)
        assert error.message == "the managed server did not become ready in 1 s: it does not speak HTTP"


# --- ending ---


@by_trio
async def test_idle_server_is_stopped_and_started_again() -> None:
    async with kennel() as place:
        server = managed(command(place, "--port", "{port}"), idle_stop=0.05)
        async with owned(server):
            await server.acquire()
            child = await place.next()
            await trio.testing.wait_all_tasks_blocked()
            assert state_of(server) == "ready"
            server.release()
            await child.gone()
            assert state_of(server) == "stopped"
            await server.acquire()
            await place.next()
            server.release()
            with pytest.raises(RuntimeError):
                server.release()


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
async def test_the_whole_group_goes() -> None:
    async with kennel() as place:
        async with owned(managed(command(place, "--port", "{port}", "--offspring"))) as server:
            await server.acquire()
            child, grandchild = await place.next(), await place.next()
            os.kill(child.pid, signal.SIGKILL)
            await grandchild.gone()
            await server.until("stopped")
            await server.acquire()
            child, grandchild = await place.next(), await place.next()
        await child.gone()
        await grandchild.gone()


@by_trio
async def test_cancelled_while_starting_leaves_nothing() -> None:
    async with kennel() as place:
        async with owned(managed(command(place, "--port", "{port}", "--status", "503"))) as server:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.acquire)
                child = await place.next()
                nursery.cancel_scope.cancel()
            assert state_of(server) == "starting"
        await child.gone()
        assert state_of(server) == "stopped"


@pytest.mark.slow
@by_trio
async def test_a_server_deaf_to_sigterm_is_killed() -> None:
    async with kennel() as place:
        async with owned(managed(command(place, "--port", "{port}", "--deaf"))) as server:
            await server.acquire()
            child = await place.next()
        await child.gone()


ROUTER = """
import os, sys, trio
from continuum.backends.managed import ManagedServer

async def main():
    server = ManagedServer("small", sys.argv[1:], "http://127.0.0.1:{port}", "/health", 60, None, os.environ)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.run)
        print(await server.acquire(), flush=True)

trio.run(main)
"""


@asynccontextmanager
async def router(argv: list[str]) -> AsyncGenerator[trio.Process, None]:
    """A real process that owns a managed server."""
    process = await trio.lowlevel.open_process([sys.executable, "-c", ROUTER, *argv], stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            assert process.stdout is not None
            await process.stdout.aclose()


@pytest.mark.parametrize("moment", ["ready", "starting"])
def test_sigkill_of_the_router_leaves_no_orphan(moment: str) -> None:
    async def main() -> None:
        options = ["--port", "{port}", "--offspring", "--status", "200" if moment == "ready" else "503"]
        async with kennel() as place, router(command(place, *options)) as process:
            child, grandchild = await place.next(), await place.next()
            if moment == "ready":
                assert process.stdout is not None
                assert (await process.stdout.receive_some()).startswith(b"http://127.0.0.1:")
            process.kill()
            await child.gone()
            await grandchild.gone()

    by_trio(main)()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
@by_trio
async def test_sigkill_of_router_and_guardian_at_once_leaves_no_server() -> None:
    async with kennel() as place, router(command(place, "--port", "{port}")) as process:
        child = await place.next()
        process.send_signal(signal.SIGSTOP)  # so that it cannot clean up between the two
        os.kill(child.parent, signal.SIGKILL)
        process.kill()
        await child.gone()


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


def test_no_secret_in_repr() -> None:
    server = managed(["server", "--api-key=topsecretvalue"])
    assert repr(server) == "<ManagedServer small stopped>"
