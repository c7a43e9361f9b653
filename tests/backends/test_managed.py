"""Managed servers from start to end: real child processes over real sockets, ended in every way a process can end."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from kennel import by_trio, command, crash, kennel, managed, owned, state_of, status_of


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


def test_no_secret_in_repr() -> None:
    server = managed(["server", "--api-key=topsecretvalue"])
    assert repr(server) == "<ManagedServer small stopped>"
