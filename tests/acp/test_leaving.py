"""How the agent ends, and what it does when the client reads too little: through the whole agent, in this process."""

import json
import os
import signal
import threading
from collections.abc import Sequence

import pytest
import trio
import trio.testing
from acp_peer import Peer, ScriptedHost, Step, agent, config_of, text_answer
from patience import PATIENCE_S

from continuum.acp.server import main
from continuum.config import Config


def host(*answers: Sequence[Step]) -> ScriptedHost:
    scripted = ScriptedHost()
    scripted.answers.extend(answers)
    return scripted


async def test_an_idle_agent_leaves_at_once() -> None:
    async with agent(acp={"eof_grace": "1h"}) as peer:
        await peer.new_session()
        assert await peer.wait_exit() == 0


async def test_a_turn_that_ends_within_the_grace_is_answered() -> None:
    gate = trio.Event()
    async with agent(host([gate, *text_answer("x")])) as peer:
        prompt = await peer.prompt(await peer.new_session())
        await peer.end_input()
        gate.set()
        assert (await peer.answer(prompt))["result"]["stopReason"] == "end_turn"
        assert await peer.wait_exit() == 0


async def test_a_turn_that_does_not_end_is_cancelled_and_answered() -> None:
    scripted = host([*text_answer("x")[:-1], trio.Event()], text_answer("queued"))
    async with agent(scripted, acp={"eof_grace": "50ms"}) as peer:
        session = await peer.new_session()
        prompts = [await peer.prompt(session), await peer.prompt(session)]
        await peer.end_input()
        for prompt in prompts:
            assert (await peer.answer(prompt))["result"]["stopReason"] == "cancelled"
        assert scripted.replies[0].closed.is_set()
        assert await peer.wait_exit() == 0


async def test_a_request_that_waits_for_the_configuration_is_answered_after_eof() -> None:
    async with agent() as peer:
        await peer.send({"id": 1, "method": "initialize", "params": {"protocolVersion": 1}})
        await peer.send({"id": 2, "method": "session/new", "params": {"cwd": "/"}})
        await peer.end_input()
        assert "sessionId" in (await peer.answer(2))["result"]
        assert await peer.wait_exit() == 0


def test_what_a_pipeline_asked_for_is_answered_by_an_agent_that_is_slow_to_start() -> None:
    clock = trio.testing.MockClock(rate=1)
    disk = threading.Event()

    def load() -> Config:
        disk.wait()
        return config_of()

    async def main() -> None:
        async with agent(load=load) as peer:
            await peer.initialize()
            opened = await peer.ask("session/new", {"cwd": "/"})
            await peer.end_input()
            await trio.testing.wait_all_tasks_blocked(0.1)
            clock.jump(12)
            await trio.testing.wait_all_tasks_blocked(0.1)
            disk.set()
            assert "sessionId" in (await peer.answer(opened))["result"]
            assert await peer.wait_exit() == 0

    trio.run(main, clock=clock)


async def test_half_a_message_at_the_end_is_no_trouble() -> None:
    async with agent() as peer:
        await peer.initialize()
        await peer.send_bytes(b'{"jsonrpc":"2.0","id":5,"meth')
        await peer.end_input()
        assert (await peer.answer(None))["error"]["code"] == -32700
        assert await peer.wait_exit() == 0


async def test_a_last_line_needs_no_newline() -> None:
    async with agent() as peer:
        await peer.initialize()
        await peer.send_bytes(b'{"jsonrpc":"2.0","id":5,"method":"authenticate","params":{}}')
        await peer.end_input()
        assert (await peer.answer(5))["result"] == {}


async def test_a_client_that_is_gone_ends_the_turn() -> None:
    scripted = host([*text_answer("x")[:-1], trio.Event()])
    async with agent(scripted, acp={"eof_grace": "50ms"}) as peer:
        await peer.prompt(await peer.new_session())
        await peer.update()
        with trio.fail_after(PATIENCE_S):
            await peer.aclose()
            await scripted.replies[0].closed.wait()


async def test_a_client_that_stopped_listening_is_gone_too() -> None:
    gate = trio.Event()
    scripted = host([*text_answer("x")[:-1], gate, *text_answer("y")[2:-1], trio.Event()])
    async with agent(scripted) as peer:
        await peer.prompt(await peer.new_session())
        await peer.update()
        await peer.stop_listening()
        gate.set()
        with trio.fail_after(PATIENCE_S):
            await scripted.replies[0].closed.wait()


async def test_a_client_that_does_not_read_blocks_the_turn_not_the_cancel_and_loses_nothing() -> None:
    pieces = [f"{number}:" + "x" * 9000 for number in range(2000)]
    scripted = host(text_answer(*pieces))
    async with agent(scripted) as peer:
        session = await peer.new_session()
        prompt = await peer.prompt(session)
        await scripted.asked.wait()
        await trio.testing.wait_all_tasks_blocked(0.05)
        left = len(scripted.replies[0].steps)
        assert left > 1800  # 18 MB were to be had; about one is taken
        await peer.cancel(session)
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert scripted.replies[0].closed.is_set()
        answer = await peer.answer(prompt)
        assert answer["result"]["stopReason"] == "cancelled"
        assert peer.said() == "".join(pieces[: len(peer.updates)])
        assert len(peer.updates) == len(pieces) + 1 - left


async def test_a_slow_reader_gets_everything() -> None:
    pieces = [f"{number}:" + "x" * 9000 for number in range(400)]
    async with agent(host(text_answer(*pieces))) as peer:
        prompt = await peer.prompt(await peer.new_session())
        assert (await peer.answer(prompt))["result"]["stopReason"] == "end_turn"
        assert peer.said() == "".join(pieces)


async def test_a_flood_of_refused_requests_stops_the_reading_before_memory_ends() -> None:
    flood = b"".join(
        json.dumps({"jsonrpc": "2.0", "id": f"{number}{'x' * 1000}", "method": "no/such"}).encode() + b"\n"
        for number in range(1000)
    )
    sent = 0

    async def send(peer: Peer) -> None:
        nonlocal sent
        while sent < 64:
            await peer.send_bytes(flood)
            sent += 1

    async with agent() as peer, trio.open_nursery() as nursery:
        await peer.initialize()
        nursery.start_soon(send, peer)
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert 8 < sent < 40  # MB
        nursery.cancel_scope.cancel()


async def test_notifications_are_not_answered_however_many() -> None:
    notification = b'{"jsonrpc":"2.0","method":"session/cancel","params":{"sessionId":"x"}}\n'
    unknown = b'{"jsonrpc":"2.0","method":"no/such"}\n'
    async with agent() as peer:
        await peer.initialize()
        await peer.send_bytes((notification + unknown) * 5000)
        await peer.send({"id": "after", "method": "authenticate", "params": {}})
        assert (await peer.receive())["id"] == "after"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_signals_end_the_turn_in_order(number: signal.Signals) -> None:
    scripted = host([*text_answer("x")[:-1], trio.Event()])
    async with agent(scripted) as peer:
        prompt = await peer.prompt(await peer.new_session())
        await peer.update()
        os.kill(os.getpid(), number)
        assert (await peer.answer(prompt))["result"]["stopReason"] == "cancelled"
        assert await peer.wait_exit() == 0


def test_main_gives_the_exit_code() -> None:
    def load() -> Config:
        return config_of({"enabled": False})

    master, terminal = os.openpty()
    null = os.open(os.devnull, os.O_RDWR)
    try:
        assert main(in_fd=null, out_fd=null, load=load) == 2
        os.write(master, b"\x04")
        assert main(in_fd=terminal, out_fd=null, load=load) == 2
    finally:
        for fd in (master, terminal, null):
            os.close(fd)
