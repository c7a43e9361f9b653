"""acpx stops a prompt in each state that a turn can be in.

Its ways: `cancel`; Ctrl-C, that is SIGINT, in `exec`; `--timeout`. Ctrl-C in `prompt` is none: the session's owner, a
process in the background, goes on with the turn. What cannot be had:
- A prompt that waits in the agent: it waits in the owner. `cancel` is for the one that runs, and the next one is sent
  at once; `sessions close` drops those that wait.
- A question that `cancel` meets: one is put to a user only where stdin and stderr are a terminal
  (canPromptForPermission), and the owner's stdin is a pipe (spawnQueueOwnerProcess), so a policy answers for it at
  once. `exec` on a terminal asks, and SIGINT takes the question back.
"""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import acp_tap
import mcp_server
import pytest
import trio
from acpx import ANSWER, DENIED, SENT, Acpx, Message, lines, open_acpx, wish
from proc import processes
from stdio_agent import until

SECONDS = 200
PROMISED = 1.0 + 4.0
"""Seconds until a cancelled turn is answered, and what a busy machine may add to that."""
TIMEOUT = 4
TIMED_OUT = 3  # acpx's exit code then
SLEEP = "sleep 300.0625"  # as nobody else sleeps

pytestmark = pytest.mark.node


@dataclass(frozen=True)
class State:
    """What is prompted, what shows that the turn has come there, and that nothing is left of it; None where it is the
    model's answer that is not to go on.
    """

    prompt: str
    there: Callable[[Acpx], bool]
    gone: Callable[[Acpx], bool] | None = None


def half_said(acpx: Acpx) -> bool:
    halves = [chunk for chunk in acpx.updates("agent_message_chunk") if chunk["content"]["text"] == "half"]
    return len(halves) == acpx.wishes.heard.count("half")


def command_runs(acpx: Acpx) -> bool:
    return bool(acpx.messages("terminal/wait_for_exit"))


def command_dead(acpx: Acpx) -> bool:
    released = len(acpx.messages("terminal/release")) == len(acpx.messages("terminal/create"))
    return released and not any(line.startswith(SLEEP) for line in processes(SLEEP).values())


def asked_of_server(acpx: Acpx, method: str) -> list[Message]:
    """The params of what MCP servers were sent by that method."""
    sent = [each for file in (acpx.folder / "mcp").glob(f"*{SENT}") for each in lines(file)]
    return [{"requestId": each.get("id"), **each["params"]} for each in sent if each["method"] == method]


def server_works(acpx: Acpx) -> bool:
    return bool(asked_of_server(acpx, "tools/call"))


def server_told(acpx: Acpx) -> bool:
    called, cancelled = (asked_of_server(acpx, method) for method in ("tools/call", "notifications/cancelled"))
    return [each["requestId"] for each in called] == [each["requestId"] for each in cancelled]


def question_put(acpx: Acpx) -> bool:
    return bool(acpx.messages("session/request_permission"))


def question_taken_back(acpx: Acpx) -> bool:
    answers = [each["result"] for run in acpx.runs for each in lines(run.with_suffix(SENT)) if "result" in each]
    return answers == [{"outcome": {"outcome": "cancelled"}}]


BEFORE, MIDWAY = State("hang", lambda _: True), State("half", half_said)
STATES: Mapping[str, State] = {
    "before the first token": BEFORE,
    "mid-answer": MIDWAY,
    "in a command": State(wish(("run_command", {"command": SLEEP})), command_runs, command_dead),
    "in an MCP server": State(wish(("double__slow", {})), server_works, server_told),
}
QUESTION = State(wish(("delete_file", {"path": "f"})), question_put, question_taken_back)

CANCELLED = {
    "code": 0,
    "shown": "[done] cancelled",
    "stopReason": "cancelled",
    "soon": True,
    "sent": ["session/cancel"],
}
EXPECTED: Mapping[str, tuple[Mapping[str, Any], Any]] = {
    **dict.fromkeys(STATES, (CANCELLED, ANSWER)),
    "another prompt waits": (CANCELLED, [("user", "half"), ("assistant", "half"), ("user", "recall")]),
    "its time is over": ({**CANCELLED, "code": TIMED_OUT}, ANSWER),
}


Stop = Callable[[], Awaitable[object]]


async def stopped(acpx: Acpx, state: State, client: subprocess.Popen[bytes], stop: Stop) -> dict[str, Any]:
    """How a prompt ends that is stopped in that state."""
    call = await acpx.asked(state.prompt)
    await until(lambda: state.there(acpx))
    run = max(acpx.runs, key=lambda run: run.with_suffix(SENT).stat().st_mtime_ns)
    told = lines(run.with_suffix(SENT))
    begun = max(place for place, each in enumerate(told) if each.get("method") == "session/prompt")
    prompt = told[begun]["id"]

    def sent() -> list[str]:
        """The methods of what is sent behind the prompt, prompts apart."""
        methods = [each.get("method", "") for each in lines(run.with_suffix(SENT))[begun:]]
        return [method for method in methods if method not in ("", "session/prompt")]

    def answers() -> list[Message]:
        return [each["result"] for each in lines(run) if each.get("id") == prompt and "result" in each]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stop)
        await until(lambda: bool(sent()))
        began = time.monotonic()
        await until(lambda: bool(answers()))
        took = time.monotonic() - began
        if state.gone is None:
            await call.aborted()
        await until(lambda: state.gone is None or state.gone(acpx))
    await until(lambda: client.poll() is not None)
    assert client.stdout is not None
    with client.stdout as output:
        shown = [line for line in output.read().decode().splitlines() if line.startswith("[done]")]
    return {
        "code": client.returncode,
        "shown": "".join(shown),
        "stopReason": answers()[0]["stopReason"],
        "soon": took < PROMISED,
        "sent": sent(),
    }


def with_server(folder: Path) -> list[str]:
    """The options that bring an MCP server, behind a tap."""
    program = acp_tap.command(folder / "mcp", sys.executable, mcp_server.__file__, "none")
    server = {"name": "double", "command": program[0], "args": program[1:], "env": []}
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": [server]}))
    return ["--mcp-config", str(folder / "mcp.json")]


@pytest.fixture(scope="module")
def seen(node: str, continuum_command: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of prompts in one session, by state."""
    return trio.run(in_one_session, node, continuum_command, tmp_path_factory.mktemp("session"))


async def in_one_session(node: str, command: str, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with open_acpx(node, command, folder, seconds=SECONDS) as acpx:
        acpx.options = ("--approve-all", "--ttl", "20", *with_server(folder))
        prompt = ("prompt", "-s", "s")

        async def end(state: State, stop: Stop, *options: str) -> dict[str, Any]:
            client = acpx.start(*options, *prompt, state.prompt)
            return await stopped(acpx, state, client, stop)

        async def cancel() -> None:
            await acpx.run("cancel", "-s", "s")

        async def say_more_and_cancel() -> None:
            await acpx.run(*prompt, "--no-wait", "recall")
            await cancel()

        async def hello() -> str:
            return await acpx.run("--format", "quiet", *prompt, "hello")

        await acpx.run("sessions", "new", "--name", "s")
        for name, state in STATES.items():
            found[name] = (await end(state, cancel), await hello())
        how = await end(MIDWAY, say_more_and_cancel)
        messages = (await acpx.asked("recall")).json["messages"]
        found["another prompt waits"] = (how, [(each["role"], each["content"]) for each in messages[-3:]])
        how = await end(BEFORE, trio.lowlevel.checkpoint, "--timeout", str(TIMEOUT))
        found["its time is over"] = (how, await hello())
        await acpx.run("sessions", "close", "s")
    return found


@pytest.mark.parametrize("state", EXPECTED)
def test_in_one_session(state: str, seen: dict[str, Any]) -> None:
    assert seen[state] == EXPECTED[state]


@pytest.mark.parametrize("name", STATES)
async def test_by_an_interrupt(name: str, node: str, continuum_command: str, tmp_path: Path) -> None:
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        acpx.options = ("--approve-all", *with_server(tmp_path))
        client = acpx.start("exec", STATES[name].prompt)
        assert await stopped(acpx, STATES[name], client, interrupts(client)) == CANCELLED


async def test_while_a_question_is_asked(node: str, continuum_command: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    async with open_acpx(node, continuum_command, tmp_path) as acpx:
        screen, terminal = pty.openpty()
        with os.fdopen(screen, "rb", buffering=0), os.fdopen(terminal, "rb", buffering=0) as theirs:
            client = acpx.start("exec", QUESTION.prompt, terminal=theirs)
            how = await stopped(acpx, QUESTION, client, interrupts(client))
        assert how == {**CANCELLED, "code": DENIED}
        (session,) = (each["params"]["sessionId"] for each in acpx.messages("session/prompt", SENT))
        await acpx.run("sessions", "new", "--name", "s", "--resume-session", session)
        assert await acpx.run("--format", "quiet", "prompt", "-s", "s", "hello") == ANSWER
    assert (tmp_path / "f").exists()


def interrupts(client: subprocess.Popen[bytes]) -> Stop:
    """Ctrl-C."""

    async def stop() -> None:
        client.send_signal(signal.SIGINT)
        await trio.lowlevel.checkpoint()

    return stop
