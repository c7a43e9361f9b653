"""The installed command on every kind of descriptor, each as stdin and as stdout; a stdout that stays clean.

`.ci/long` has each with each, the suite each with itself and with one other.
"""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import mcp_server
import pytest
import trio
from acp_schema import hold_lines, hold_to_schema
from hypothesis import settings
from patience import PATIENCE_S
from stdio_agent import INITIALIZE, Json, backend, line, open_agent, prompt, until, write_config

from continuum.testing.upstream import Completion, Stream, ToolCall, open_upstream

AT_ONCE = 3
"""Processes that run beside one another: each takes most of a second of computing to start."""

NEW_SESSION: Json = {"id": 1, "method": "session/new", "params": {"cwd": "/"}}
METHODS: Mapping[object, str] = {0: "initialize", 1: "session/new", 2: "session/prompt"}
KINDS = ("pipe", "file", "null", "socket", "tty")
NEXT: Mapping[str, str] = dict(pairwise((*KINDS, KINDS[0])))
TALKING = ("pipe", "socket", "tty")
"""Through these a client can go on to speak after it has heard."""


class End:
    """One descriptor of the agent's, `far`, and the client's side of it, `near`."""

    def __init__(self, kind: str, path: Path, *, reading: bool, blocking: bool = True) -> None:
        self.kind, self.path, self.reading = kind, path, reading
        self.far, self.near = self._open()
        os.set_blocking(self.far, blocking)
        self._blocking = blocking
        self._heard = b""

    def _open(self) -> tuple[int, int]:
        match self.kind:
            case "pipe":
                reader, writer = os.pipe()
                return (reader, writer) if self.reading else (writer, reader)
            case "socket":
                far, near = socket.socketpair()
                return far.detach(), near.detach()
            case "tty":
                ours, theirs = pty.openpty()
                modes = termios.tcgetattr(theirs)
                modes[3] &= ~termios.ECHO  # what we say would come back amidst what the agent says
                termios.tcsetattr(theirs, termios.TCSANOW, modes)
                return theirs, ours
            case "null":
                return os.open(os.devnull, os.O_RDWR), os.open(os.devnull, os.O_RDWR)
            case _:
                self.path.write_bytes(line(INITIALIZE) + line(NEW_SESSION) if self.reading else b"")
                return os.open(self.path, os.O_RDWR), os.open(self.path, os.O_RDONLY)

    def say(self, *messages: Json) -> None:
        os.write(self.near, b"".join(map(line, messages)))

    def end(self) -> None:
        """No more is said."""
        match self.kind:
            case "tty":
                os.write(self.near, b"\x04")
            case "socket":
                with socket.socket(fileno=os.dup(self.near)) as ours:
                    ours.shutdown(socket.SHUT_WR)
            case _:
                os.close(self.near)
                self.near = -1

    async def answer(self, ident: int) -> Json:
        """The agent's answer of that id."""
        while True:
            for text in self._lines():
                message: Json = json.loads(text)
                hold_to_schema(message, METHODS)
                if message.get("id") == ident:
                    return message
            await self._hear()

    def _lines(self) -> Iterator[bytes]:
        while b"\n" in self._heard:
            text, _, self._heard = self._heard.partition(b"\n")
            yield text

    async def _hear(self) -> None:
        if self.kind == "file":
            await until(lambda: os.fstat(self.near).st_size > os.lseek(self.near, 0, os.SEEK_CUR))
        else:
            await trio.lowlevel.wait_readable(self.near)
        self._heard += os.read(self.near, 65536)

    def unchanged(self) -> bool:
        """Whether the description that the agent was given is still in its mode."""
        return os.get_blocking(self.far) is self._blocking

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in {self.far, self.near} - {-1}:
            os.close(fd)


async def talk(stdin: End, stdout: End, command: Sequence[str]) -> dict[str, Any]:
    """What came of a run. A whole prompt where the pair allows it."""
    talking, heard = stdin.kind in TALKING, stdout.kind != "null"
    with stdout.path.with_suffix(".stderr").open("w+b") as stderr:
        process = await trio.lowlevel.open_process(command, stdin=stdin.far, stdout=stdout.far, stderr=stderr)
        seen: dict[str, Any] = {"modes": True}
        try:
            if talking:
                stdin.say(INITIALIZE, NEW_SESSION)
            if heard and stdin.kind != "null":
                seen["version"] = (await stdout.answer(0))["result"]["protocolVersion"]
                session = (await stdout.answer(1))["result"]["sessionId"]
                seen["modes"] = stdin.unchanged() and stdout.unchanged()
                if talking:
                    stdin.say(prompt(session, 2))
                    seen["stopReason"] = (await stdout.answer(2))["result"]["stopReason"]
            stdin.end()
            seen["status"] = await process.wait()
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
        seen["modes"] = seen["modes"] and stdin.unchanged() and stdout.unchanged()
        stderr.seek(0)
        seen["said"] = stderr.read().decode().replace(HINT, "")
    return seen


HINT = (
    "continuum: waiting for an ACP client on stdin (JSON-RPC, one object a line); "
    "for an HTTP server: continuum --mode http\n"
)
ENDED: Json = {"modes": True, "status": 0, "said": ""}
OPENED: Json = {**ENDED, "version": 1}
PROMPTED: Json = {**OPENED, "stopReason": "end_turn"}


def wanted(stdin: str, stdout: str) -> Json:
    if "null" in {stdin, stdout}:
        return ENDED
    return PROMPTED if stdin in TALKING else OPENED


Case = tuple[str, str, str]
NON_BLOCKING, ONE = "non-blocking", "one for both"
CASES: Mapping[str, Sequence[Case]] = {
    **{stdin: [(stdin, stdout, "") for stdout in KINDS] for stdin in KINDS},
    "as some clients have them": [
        *[(kind, kind, NON_BLOCKING) for kind in TALKING],
        *[(kind, kind, ONE) for kind in ("socket", "tty")],
    ],
}


@pytest.mark.hypothesis
@pytest.mark.slow
@pytest.mark.parametrize("cases", CASES.values(), ids=CASES)
async def test_each_kind_with_each(cases: Sequence[Case], continuum_command: str, tmp_path: Path) -> None:
    if settings.get_current_profile_name() != "long":
        cases = [each for each in cases if each[2] or each[1] in (each[0], NEXT[each[0]])]
    outcomes: dict[Case, Json] = {}
    at_once = trio.CapacityLimiter(AT_ONCE)

    async def play(case: Case, command: Sequence[str]) -> None:
        stdin, stdout, how = case
        blocking = how != NON_BLOCKING
        with ExitStack() as ends:
            source = ends.enter_context(End(stdin, tmp_path / f"{stdin}-{stdout}.in", reading=True, blocking=blocking))
            sink = source
            if how != ONE:
                path = tmp_path / f"{stdin}-{stdout}.out"
                sink = ends.enter_context(End(stdout, path, reading=False, blocking=blocking))
            async with at_once:
                outcomes[case] = await talk(source, sink, command)

    async with open_upstream() as upstream:
        command = [continuum_command, "--config", str(write_config(tmp_path, [backend(upstream.url)]))]
        async with trio.open_nursery() as nursery:
            for case in cases:
                nursery.start_soon(play, case, command)
    assert outcomes == {case: wanted(*case[:2]) for case in cases}


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_ones(closed: str, continuum_command: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, [backend("http://127.0.0.1:9")])
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", continuum_command, "--config", str(config)]
    said = line(INITIALIZE) + line(NEW_SESSION)
    done = subprocess.run(command, input=said, capture_output=True, timeout=PATIENCE_S, check=False)
    hold_lines(done.stdout.splitlines(), said.splitlines())
    answered = [message["id"] for text in done.stdout.splitlines() if "id" in (message := json.loads(text))]
    assert (done.returncode, answered, done.stderr) == (0, [0, 1] if closed == "2>&-" else [], b"")


# Run by Python before anything else: packages that print when they are imported, and a signal's handler that does.
NOISE = """
import ctypes, os, signal, sys

libc = ctypes.CDLL(None)

def make_noise(occasion):
    print("noise of", occasion, "by print", flush=True)
    os.write(1, f"noise of {occasion} by write\\n".encode())
    libc.puts(f"noise of {occasion} by C".encode())
    libc.fflush(None)
    os.system(f"echo noise of {occasion} by a child")

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in PACKAGES:
            PACKAGES.remove(name)
            make_noise(name)

PACKAGES = ["trio", "pydantic", "msgspec", "httptools", "yaml", "mcp"]
sys.meta_path.insert(0, Finder())
signal.signal(signal.SIGUSR1, lambda *_: make_noise("a signal"))
"""
OCCASIONS = ("trio", "pydantic", "msgspec", "httptools", "yaml", "mcp", "a signal")


async def test_what_prints_does_not_reach_the_client(continuum_command: str, tmp_path: Path) -> None:
    """Every line that the agent sends is read as JSON here."""
    (tmp_path / "sitecustomize.py").write_text(NOISE, "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    server = {"name": "loud", "command": sys.executable, "args": [mcp_server.__file__, "none"], "env": []}
    command = json.dumps({"command": "echo noise of a command; echo noise of a command >&2"})
    async with open_upstream(Stream(("done",))) as upstream:
        upstream.push(Completion((), tool_calls=(ToolCall("run_command", command, id="c1"),)))
        async with open_agent(
            continuum_command, tmp_path, backend(upstream.url), environment=environment, quiet=False
        ) as agent:
            session = await agent.new_session(str(tmp_path), mcpServers=[server])
            await agent.call("mode", "session/set_mode", sessionId=session, modeId="yolo")
            await agent.send(prompt(session, "loud"))
            await agent.tool_call("c1", "completed")
            agent.process.send_signal(signal.SIGUSR1)
            assert (await agent.answer("loud"))["result"]["stopReason"] == "end_turn"
            assert agent.said() == ["done"]
    noise = (tmp_path / "stderr").read_text("utf-8")
    for occasion in OCCASIONS:
        for way in ("print", "write", "C", "a child"):
            assert f"noise of {occasion} by {way}\n" in noise
    assert "noise of a command" not in noise
