"""The installed command as a stdio agent, spoken to in bytes, with a configuration of the test's."""

import json
import subprocess
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
from acp_schema import hold_to_schema
from patience import PATIENCE_S

MIB = 1024 * 1024
PROBE = "still there"
Json = dict[str, Any]

INITIALIZE: Json = {"id": 0, "method": "initialize", "params": {"protocolVersion": 1}}


def line(message: Json) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"


def prompt(session: str, ident: int | str, text: str = "hi") -> Json:
    content = [{"type": "text", "text": text}]
    return {"id": ident, "method": "session/prompt", "params": {"sessionId": session, "prompt": content}}


def cancel(session: str) -> Json:
    return {"method": "session/cancel", "params": {"sessionId": session}}


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds of what no event tells; the caller bounds the time."""
    while not holds():  # noqa: ASYNC110 - as said
        await trio.sleep(0.01)


@dataclass
class Agent:
    """The running command; all it says is held to the schemas."""

    process: trio.Process
    _buffer: bytearray = field(default_factory=bytearray)
    _methods: defaultdict[object, str] = field(default_factory=lambda: defaultdict[object, str](str))
    seen: list[Json] = field(default_factory=list[Json])

    async def send(self, *messages: Json | bytes) -> None:
        """In one write."""
        assert self.process.stdin is not None
        for message in messages:
            if not isinstance(message, bytes) and "id" in message:
                self._methods[message["id"]] = message.get("method", "")
        await self.process.stdin.send_all(b"".join(m if isinstance(m, bytes) else line(m) for m in messages))

    async def receive(self) -> Json:
        assert self.process.stdout is not None
        while (end := self._buffer.find(b"\n")) < 0:
            data = await self.process.stdout.receive_some(MIB)
            assert data, "the agent closed its output"
            self._buffer += data
        message: Json = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        hold_to_schema(message, self._methods)
        self.seen.append(message)
        return message

    async def answer(self, ident: int | str) -> Json:
        """The answer of that id; what comes before it is in `seen`."""

        def answers(message: Json) -> bool:
            return message.get("id") == ident and "method" not in message

        message = next(filter(answers, self.seen), None)
        while message is None:
            message = await self.receive()
            message = message if answers(message) else None
        self.seen.remove(message)
        return message

    async def call(self, ident: int | str, method: str, **params: Any) -> Json:
        """A request and its answer."""
        await self.send({"id": ident, "method": method, "params": params})
        return await self.answer(ident)

    async def new_session(self, cwd: str = "/", ident: str = "session", **params: Any) -> str:
        if not self.seen:
            await self.send(INITIALIZE)
        opened = await self.call(ident, "session/new", cwd=cwd, **params)
        session: str = opened["result"]["sessionId"]
        return session

    def said(self, kind: str = "agent_message_chunk", session: str | None = None) -> list[str]:
        """The texts of updates of one kind so far."""
        told = [message["params"] for message in self.seen if message.get("method") == "session/update"]
        return [
            each["update"]["content"]["text"]
            for each in told
            if each["update"]["sessionUpdate"] == kind and session in {None, each["sessionId"]}
        ]

    async def heard(self, text: str) -> None:
        while text not in self.said():
            await self.receive()

    async def tool_call(self, ident: str, status: str) -> None:
        """Wait for a tool call to come to that status."""

        def told() -> bool:
            updates = [each["params"]["update"] for each in self.seen if each.get("method") == "session/update"]
            return any(each.get("toolCallId") == ident and each.get("status") == status for each in updates)

        while not told():
            await self.receive()

    async def answers_to(self, data: bytes) -> list[Json]:
        """All that is said to these bytes: a request behind them is answered behind their answers."""
        await self.send(data, {"id": PROBE, "method": "authenticate", "params": {}})
        before = len(self.seen)
        await self.answer(PROBE)
        told, self.seen[before:] = self.seen[before:], []
        return told

    async def end_input(self) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.aclose()

    async def hang_up(self) -> None:
        assert self.process.stdout is not None
        await self.end_input()
        await self.process.stdout.aclose()

    async def rest(self) -> bytes:
        """All that still comes, up to the end of its output."""
        assert self.process.stdout is not None
        rest = bytes(self._buffer)
        while data := await self.process.stdout.receive_some(MIB):
            rest += data
        self._buffer.clear()
        for whole in rest.split(b"\n")[:-1]:
            hold_to_schema(json.loads(whole), self._methods)
        return rest

    def memory(self, figure: str = "VmRSS") -> int:
        """Bytes. figure: of /proc/PID/status; VmHWM is the most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.partition(f"{figure}:")[2].split()[0]) * 1024


def backend(url: str, name: str = "b", model: str = "test-model", **more: Any) -> Json:
    return {"name": name, "type": "generic", "url": f"{url}/v1", "models": [model], **more}


QUIET: Mapping[str, Any] = {"health_checks": {"enabled": False}, "logging": {"level": "error"}}


def write_config(folder: Path, backends: Sequence[Json], **sections: Any) -> Path:
    path = folder / "continuum.yaml"
    storage = {"storage": {"dir": str(folder / "state")}}
    path.write_text(json.dumps({"backends": backends, **storage, **QUIET, **sections}), encoding="utf-8")  # is YAML
    return path


@asynccontextmanager
async def open_agent(
    command: str,
    folder: Path,
    *backends: Json,
    environment: Mapping[str, str] | None = None,
    quiet: bool = True,
    **sections: Any,
) -> AsyncGenerator[Agent]:
    """The command at work; after the block its input ends, and it must leave with 0 and, if it is to be quiet, an empty
    stderr, which is a file in the folder.

    sections: of the configuration. environment: the whole of it, where it is not ours.
    """
    config = write_config(folder, backends or [backend("http://127.0.0.1:9")], **sections)
    with (folder / "stderr").open("w+b") as stderr, trio.fail_after(2 * PATIENCE_S):
        process = await trio.lowlevel.open_process(
            [command, "--mode", "stdio", "--config", str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
        )
        agent = Agent(process)
        try:
            yield agent
            with suppress(trio.ClosedResourceError):
                await agent.hang_up()
            assert await process.wait() == 0
            stderr.seek(0)
            assert not quiet or stderr.read().decode() == ""
        finally:
            if process.returncode is None:
                process.kill()
            with trio.CancelScope(shield=True):
                await agent.hang_up()
                await process.wait()
