"""The process itself: backends that die under load, draining on SIGTERM, and start-ups that cannot be."""

import signal
import socket
from pathlib import Path

import pytest
import trio
from chat import TEXT, Received, ask, asked, client_of
from child import Child
from patience import PATIENCE_S
from serving import Router, backend, config, open_router, start

from continuum.testing.upstream import Completion, Stream, Wait, open_upstream

CONFIGURATION_FAULT = 2


async def test_a_backend_killed_under_load_costs_no_request(tmp_path: Path) -> None:
    """Two backend processes, sixteen clients; one backend gets SIGKILL while they are at it."""
    command = ["-m", "continuum.testing.upstream"]
    total, clients, kill_after = 400, 16, 100
    answered: list[Received] = []
    with Child(command, home=tmp_path) as one, Child(command, home=tmp_path) as two:
        urls = [each.wait_for_line(r"^(http://\S+)$", pipe="stdout").group(1) for each in (one, two)]
        configuration = config(backend(urls[0], "one"), backend(urls[1], "two"))
        async with (
            open_router(tmp_path, configuration) as router,
            client_of(router.url) as client,
            trio.open_nursery() as nursery,
        ):
            left = iter(range(total))

            async def work() -> None:
                for number in left:
                    answered.append(await ask(client, asked(user=str(number))))
                    if len(answered) == kill_after:
                        one.signal(signal.SIGKILL)

            for _ in range(clients):
                nursery.start_soon(work)
        assert [received.status for received in answered] == [200] * total
        assert {received.text for received in answered} == {TEXT}
        served = [received.headers["x-continuum-backend"] for received in answered]
        assert set(served[:kill_after]) == {"one", "two"}
        assert set(served[-50:]) == {"two"}


async def test_sigterm_lets_an_open_stream_finish(tmp_path: Path) -> None:
    gate = trio.Event()
    async with (
        open_upstream(Stream(("one", Wait(gate), "two"))) as upstream,
        open_router(tmp_path, config(backend(upstream.url))) as router,
        client_of(router.url) as client,
        trio.open_nursery() as nursery,
    ):
        finished: list[Received] = []

        async def stream() -> None:
            finished.append(await ask(client, asked(stream=True)))

        nursery.start_soon(stream)
        await upstream.next_call()
        router.signal(signal.SIGTERM)
        await _refuses(router)
        gate.set()
        assert await router.exited() == 0
    (received,) = finished
    assert received.text == "onetwo"
    assert received.is_whole()
    assert "Traceback" not in router.stderr


NO_HURRY = {"shutdown_grace": "1h"}  # what waits for the end of that does not end here


async def test_sigterm_closes_idle_connections(tmp_path: Path) -> None:
    """A client that keeps its connection does not keep the process."""
    async with (
        open_upstream() as upstream,
        open_router(tmp_path, config(backend(upstream.url), server=NO_HURRY)) as router,
        client_of(router.url) as client,
    ):
        assert (await ask(client, asked())).is_whole()
        router.signal(signal.SIGTERM)
        assert await router.exited() == 0


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(tmp_path: Path, first: signal.Signals) -> None:
    gate = trio.Event()
    async with (
        open_upstream(Stream(("one", Wait(gate)))) as upstream,
        open_router(tmp_path, config(backend(upstream.url), server=NO_HURRY)) as router,
        client_of(router.url) as client,
        client.stream("POST", "/v1/chat/completions", json=asked(stream=True)),
    ):
        await upstream.next_call()
        router.signal(first)
        await trio.to_thread.run_sync(router.wait_for_line, "drain")
        router.signal(signal.SIGTERM)
        assert await router.exited() != 0
    assert "Traceback" not in router.stderr


@pytest.mark.parametrize("stream", [True, False])
async def test_at_the_grace_limit_a_caller_is_told(tmp_path: Path, stream: bool) -> None:  # noqa: FBT001 - pytest's parameter
    gate = trio.Event()
    script = Stream(("one", Wait(gate))) if stream else Completion(before=(Wait(gate),))
    async with (
        open_upstream(script) as upstream,
        open_router(tmp_path, config(backend(upstream.url), server={"shutdown_grace": "1s"})) as router,
        client_of(router.url) as client,
        trio.open_nursery() as nursery,
    ):
        finished: list[Received] = []

        async def call() -> None:
            finished.append(await ask(client, asked(stream=stream)))

        nursery.start_soon(call)
        await upstream.next_call()
        router.signal(signal.SIGTERM)
        assert await router.exited() == 0
    (received,) = finished
    assert received.error["code"] == "shutting_down"
    assert not received.done
    assert received.status == (200 if stream else 503)
    assert not stream or received.text == "one"


async def _refuses(router: Router) -> None:
    """Wait until the listener is gone: every attempt either connects, and is closed again, or is refused."""
    port = int(router.url.rpartition(":")[2])
    with trio.fail_after(PATIENCE_S):
        while True:
            try:
                await trio.aclose_forcefully(await trio.open_tcp_stream("127.0.0.1", port))
            except OSError:
                return


# name: the file's text, what its one line names
BROKEN: dict[str, tuple[str, str]] = {
    "broken YAML": ("server: [1, 2\nbackends: []\n", "continuum-under-test.yaml"),
    "unknown key": ("server:\n  bind_adress: 127.0.0.1:0\n", "bind_address"),
    "unknown section": ("servers: {}\n", "server"),
    "bad port": ("server:\n  bind_address: 127.0.0.1:99999\n", "bind_address"),
    "unset variable": ("backends:\n  - name: a\n    url: ${NO_SUCH_VARIABLE_4711}\n", "NO_SUCH_VARIABLE_4711"),
    "no url": ("backends:\n  - name: a\n    type: generic\n", "url"),
    "bad type": ("backends:\n  - name: a\n    type: nonsense\n    url: http://127.0.0.1:1\n", "type"),
    "not a mapping": ("- 1\n- 2\n", "continuum-under-test.yaml"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_configuration_fault_is_one_clear_line(tmp_path: Path, name: str) -> None:
    text, named = BROKEN[name]
    with start(tmp_path, text) as process:
        assert process.wait(30) == CONFIGURATION_FAULT
    _assert_one_line(process, named)


def test_every_fault_at_once(tmp_path: Path) -> None:
    text = "server:\n  bind_adress: x\nbackends:\n  - name: 'a b'\n    url: ftp://x\nlogging:\n  level: loud\n"
    with start(tmp_path, text) as process:
        assert process.wait(30) == CONFIGURATION_FAULT
    for key in ("bind_adress", "name", "url", "level"):
        assert key in process.stderr
    assert "Traceback" not in process.stderr


def test_a_missing_file(tmp_path: Path) -> None:
    command = ["-m", "continuum", "--mode", "http", "--config", str(tmp_path / "nowhere.yaml")]
    with Child(command, home=tmp_path) as process:
        assert process.wait(30) == CONFIGURATION_FAULT
    _assert_one_line(process, "nowhere.yaml")


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with start(tmp_path, config(server={"bind_address": address})) as process:
            assert process.wait(30) == CONFIGURATION_FAULT
    _assert_one_line(process, address)


def _assert_one_line(process: Child, named: str) -> None:
    assert process.stdout == ""
    assert "Traceback" not in process.stderr
    assert len(process.stderr.splitlines()) == 1, process.stderr
    assert named in process.stderr
