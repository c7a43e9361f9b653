"""Backends that are down, in every way they can be, before the installed command with its times as they come."""

import socket
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import trio
from patience import promised
from raw_server import Peer, raw_server
from stdio_agent import Agent, backend, open_agent, prompt

from continuum.testing.upstream import Request, Stream, Wait, open_upstream

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@contextmanager
def black_hole() -> Generator[str]:
    """The address of a listener that has no room for another connection: who connects hears nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.settimeout(0)
            each.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for each in waiting:
            each.close()


async def say_nothing(peer: Peer) -> None:
    await peer.until_left()


async def only_a_head(peer: Peer) -> None:
    while await peer.request():
        await peer.send(HEAD)
        await peer.until_left()


@asynccontextmanager
async def down() -> AsyncGenerator[dict[str, str]]:
    """Where nothing is to be had, by what is wrong there."""
    async with AsyncExitStack() as stack:
        refusing = await stack.enter_async_context(open_upstream(listens=False))
        plain = await stack.enter_async_context(open_upstream())
        silent = await stack.enter_async_context(raw_server(say_nothing))
        headed = await stack.enter_async_context(raw_server(only_a_head))
        yield {
            "refused": refusing.url,
            "blackholed": stack.enter_context(black_hole()),
            "unknown_name": "http://no-such-host.invalid",
            "no_tls": plain.url.replace("http:", "https:"),
            "silent_tls": f"https://127.0.0.1:{silent.origin.port}",
            "silent": f"http://127.0.0.1:{silent.origin.port}",
            "only_a_head": f"http://127.0.0.1:{headed.origin.port}",
        }


async def choose(agent: Agent, session: str, model: str, ident: str) -> None:
    answer = await agent.call(
        ident, "session/set_config_option", sessionId=session, configId="model", value=model, type="select"
    )
    assert "result" in answer, answer


async def test_one_that_was_started_meanwhile_answers_the_next_prompt(continuum_command: str, tmp_path: Path) -> None:
    """However long it would be until its next health check."""
    never = {"interval": "1h", "warmup_check_interval": "1h"}
    async with (
        open_upstream(Stream(("here",)), listens=False) as upstream,
        trio.open_nursery() as nursery,
        open_agent(continuum_command, tmp_path, backend(upstream.url), health_checks=never) as agent,
    ):
        session = await agent.new_session()
        number = 0
        while "`b`: down" not in "".join(agent.said()):
            number += 1
            await agent.send(prompt(session, f"look {number}", "/backends"))
            await agent.answer(f"look {number}")
        await agent.send(prompt(session, "too early"))
        assert (await agent.answer("too early"))["error"]["data"]["code"] == "no_backend"
        await upstream.serve(nursery)
        await agent.send(prompt(session, "again"))
        assert (await agent.answer("again"))["result"]["stopReason"] == "end_turn"
        assert agent.said()[-1] == "here"
        nursery.cancel_scope.cancel()


@pytest.mark.slow
async def test_each_is_told_in_time_and_a_slow_model_is_waited_for(continuum_command: str, tmp_path: Path) -> None:
    gate = trio.Event()
    slow = {
        "slow": Stream(("at last",), before=(Wait(gate),)),
        "slow_behind_its_head": Stream((Wait(gate), "at last")),
    }

    def script(request: Request) -> Stream:
        return slow.get(request.model, Stream(("fine",)))

    async with down() as urls, open_upstream(script) as good:
        backends = [backend(url, name, name) for name, url in urls.items()]
        backends += [backend(good.url, "good"), *(backend(good.url, name, name) for name in slow)]
        room = {"sessions": {"max_concurrent": len(backends)}}
        async with open_agent(continuum_command, tmp_path, *backends, health_checks={}, acp=room) as agent:
            sessions = {name: await agent.new_session(ident=f"new {name}") for name in (*urls, *slow)}
            for name, session in sessions.items():
                await choose(agent, session, name, f"choose {name}")
            began = time.monotonic()
            await agent.send(*(prompt(session, name) for name, session in sessions.items()))
            for name, url in urls.items():
                error = (await agent.answer(name))["error"]
                assert time.monotonic() - began < promised(15), name
                assert error["code"] == -32603
                assert url.partition("//")[2] not in error["message"]
            for name in slow:
                while not agent.said("agent_thought_chunk", sessions[name]):
                    await agent.receive()
                (thought,) = agent.said("agent_thought_chunk", sessions[name])
                assert thought == f"{name} has not begun to answer for 10 s; still waiting"
            gate.set()
            for name in slow:
                assert (await agent.answer(name))["result"]["stopReason"] == "end_turn"
                assert agent.said(session=sessions[name]) == ["at last"]
            for name in urls:
                await choose(agent, sessions[name], "test-model", f"good for {name}")
                await agent.send(prompt(sessions[name], f"again {name}"))
                assert (await agent.answer(f"again {name}"))["result"]["stopReason"] == "end_turn"
                assert agent.said(session=sessions[name]) == ["fine"]
