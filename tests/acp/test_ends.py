"""How the installed command ends when its client does: in time, with 0, in silence, and with all that it started."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import mcp_server
import pytest
import trio
from patience import PATIENCE_S, promised
from proc import processes
from stdio_agent import Agent, backend, open_agent, prompt, until, write_config

from continuum.testing.upstream import Completion, Hang, Request, Stream, ToolCall, open_upstream

PROMISED = 5.0
"""Seconds from the end of input to the end of the process."""

GRACE = 2 * PATIENCE_S
"""Seconds for turns, where it is to be seen that nobody waits for them; else it is as it comes."""

DEAF_SERVER = str(Path(__file__).parents[1] / "support" / "managed_child.py")
DEAF_COMMAND = "sh -c 'trap \"\" TERM; while :; do sleep 1; done' {}"

# A client that can be killed: it passes on what it gets, and holds the only ends of the agent's pipes.
RELAY = """
import os, subprocess, sys, threading
agent = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def pass_on(source, sink):
    while data := os.read(source, 65536):
        os.write(sink, data)
def pass_on_and_end():
    pass_on(0, agent.stdin.fileno())
    agent.stdin.close()
threading.Thread(target=pass_on_and_end, daemon=True).start()
pass_on(agent.stdout.fileno(), 1)
"""
NOTE_STATUS = '"$@"; echo $? > "$0.new"; mv "$0.new" "$0"'


Leave = Callable[[Agent], Awaitable[None]]


def alive(folder: Path) -> list[str]:
    """What the agent of that folder has started and still runs."""
    return [each for each in processes(str(folder)).values() if "--mode" not in each]


async def busy(agent: Agent, folder: Path) -> None:
    """A turn inside a command, one inside the model's answer, an MCP server and a managed one, all deaf to SIGTERM."""
    arguments = [str(mcp_server.__file__), "deaf", str(folder / "mcp")]
    server = {"name": "double", "command": sys.executable, "args": arguments, "env": []}
    with_tools = await agent.new_session(str(folder), "with tools", mcpServers=[server])
    await agent.call("mode", "session/set_mode", sessionId=with_tools, modeId="yolo")
    await agent.send(prompt(with_tools, "in a command"))
    await agent.tool_call("c1", "in_progress")
    managed = await agent.new_session(str(folder), "managed")
    await agent.call("model", "session/set_config_option", sessionId=managed, configId="model", value="managed")
    await agent.send(prompt(managed, "no chat there"))
    assert "error" in await agent.answer("no chat there")
    streaming = await agent.new_session(str(folder), "streaming")
    await agent.call("hang", "session/set_config_option", sessionId=streaming, configId="model", value="hang")
    await agent.send(prompt(streaming, "in an answer"))
    await agent.heard("half")
    assert len(alive(folder)) >= 6  # three, each behind its guardian


@asynccontextmanager
async def leash() -> AsyncGenerator[int]:
    """The port that managed_child.py reports to."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port: int = listener.socket.getsockname()[1]
        yield port


def config(folder: Path, url: str, leash_port: int, **sections: Any) -> Path:
    command = [sys.executable, DEAF_SERVER, "--leash", str(leash_port), "--port", "{port}", "--deaf"]
    managed = {"command": [*command, "--key", str(folder / "managed")]}
    own = {"name": "own", "type": "generic", "url": "http://127.0.0.1:{port}", "managed": managed}
    backends = [backend(url), backend(url, "hanging", "hang"), {**own, "models": ["managed"]}]
    return write_config(folder, backends, **sections)


async def hang_up(agent: Agent) -> None:
    await agent.end_input()
    answers = {each["id"]: each for each in map(json.loads, (await agent.rest()).splitlines()) if "id" in each}
    assert {answers[ident]["result"]["stopReason"] for ident in ("in a command", "in an answer")} == {"cancelled"}


async def kill_client(agent: Agent) -> None:
    agent.process.kill()


async def send_signal(number: signal.Signals, _: Agent) -> None:
    """To the command alone: the relay and the shell have its words on their command lines, too."""
    named = processes(f"/{number.name}/continuum.yaml")
    (agent,) = [pid for pid, line in named.items() if " -c " not in line]
    os.kill(agent, number)


WAYS: Mapping[str, Leave] = {
    "end of input": hang_up,
    "killed client": kill_client,
    "SIGTERM": partial(send_signal, signal.SIGTERM),
    "SIGKILL": partial(send_signal, signal.SIGKILL),
}


class Ended(NamedTuple):
    """How a run of the command ended. took: seconds."""

    status: int
    took: float
    stderr: str


async def leaving(way: str, continuum: str, folder: Path, **sections: Any) -> Ended:
    await trio.Path(folder).mkdir()
    arguments = json.dumps({"command": DEAF_COMMAND.format(folder / "tool")})

    def script(request: Request) -> Stream | Completion:
        if request.model == "hang":
            return Stream(("half", Hang()))
        return Completion((), tool_calls=(ToolCall("run_command", arguments, id="c1"),))

    status = folder / "status"
    async with open_upstream(script) as upstream, leash() as port:
        command = ["sh", "-c", NOTE_STATUS, str(status), continuum, "--mode", "stdio"]
        command += ["--config", str(config(folder, upstream.url, port, **sections))]
        with (folder / "stderr").open("wb") as stderr:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-c", RELAY, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        agent = Agent(process)
        try:
            await busy(agent, folder)
            began = time.monotonic()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(WAYS[way], agent)
                await until(status.exists)
                took = time.monotonic() - began
            await upstream.calls[-1].aborted()
            with trio.fail_after(PATIENCE_S):
                await until(lambda: not alive(folder))
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await agent.hang_up()
                await process.wait()
    return Ended(int(status.read_text("ascii")), took, (folder / "stderr").read_text("utf-8"))


@pytest.mark.slow
async def test_with_everything_under_way_and_deaf(continuum_command: str, tmp_path: Path) -> None:
    """All ways at once, since each takes its time. Nothing is left of any. Where nobody is there for it, nobody waits
    for acp.eof_grace.
    """
    ended: dict[str, Ended] = {}

    async def leave(way: str) -> None:
        grace = {} if way == "end of input" else {"acp": {"eof_grace": GRACE}}
        ended[way] = await leaving(way, continuum_command, tmp_path / way.replace(" ", "-"), **grace)

    async with trio.open_nursery() as nursery:
        for way in WAYS:
            nursery.start_soon(leave, way)
    assert ended.pop("SIGKILL").status == 128 + signal.SIGKILL
    assert [(each.status, each.stderr) for each in ended.values()] == [(0, "")] * 3
    assert max(each.took for each in ended.values()) < promised(PROMISED) < GRACE


async def test_half_a_message(continuum_command: str, tmp_path: Path) -> None:
    async with open_agent(continuum_command, tmp_path, acp={"eof_grace": GRACE}) as agent:
        await agent.new_session()
        await agent.send(b'{"jsonrpc":"2.0","id":5,"meth')
        began = time.monotonic()
        await agent.end_input()
        (told,) = [json.loads(line) for line in (await agent.rest()).splitlines() if b"error" in line]
        assert (told["id"], told["error"]["code"]) == (None, -32700)
        assert await agent.process.wait() == 0
        assert time.monotonic() - began < promised(1)  # nobody waits for the grace of turns that there are not
