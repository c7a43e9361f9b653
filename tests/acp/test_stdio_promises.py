"""What stdio mode promises for each fault and each odd input (not the tools'), against the installed command."""

import json
import subprocess
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from continuum.testing.upstream import Hang, Raw, Stream, open_upstream

SECONDS = 30
MIB = 1024 * 1024
Json = dict[str, Any]

INITIALIZE: Json = {"id": 0, "method": "initialize", "params": {"protocolVersion": 1}}
PROBE = "still there"

NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from /proc")


def line(message: Json) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"


def call(ident: str, method: str = "no/such") -> bytes:
    """A request whose id is written as given."""
    return b'{"jsonrpc":"2.0","id":%s,"method":"%s"}\n' % (ident.encode(), method.encode())


@dataclass
class Agent:
    """The running command, spoken to in bytes."""

    process: trio.Process
    _buffer: bytearray = field(default_factory=bytearray)
    seen: list[Json] = field(default_factory=list[Json])

    async def send(self, *messages: Json | bytes) -> None:
        """In one write."""
        assert self.process.stdin is not None
        await self.process.stdin.send_all(b"".join(m if isinstance(m, bytes) else line(m) for m in messages))

    async def receive(self) -> Json:
        assert self.process.stdout is not None
        while (end := self._buffer.find(b"\n")) < 0:
            data = await self.process.stdout.receive_some(MIB)
            assert data, "the agent closed its output"
            self._buffer += data
        message: Json = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        self.seen.append(message)
        return message

    async def answer(self, ident: int | str) -> Json:
        """The answer of that id; what comes before it is in `seen`."""
        while True:
            message = await self.receive()
            if message.get("id") == ident:
                return message

    async def new_session(self) -> str:
        await self.send(INITIALIZE, {"id": "session", "method": "session/new", "params": {"cwd": "/"}})
        opened = await self.answer("session")
        ident: str = opened["result"]["sessionId"]
        return ident

    def said(self) -> list[str]:
        updates = [message["params"]["update"] for message in self.seen if message.get("method") == "session/update"]
        return [each["content"]["text"] for each in updates if each["sessionUpdate"] == "agent_message_chunk"]

    async def heard(self, text: str) -> None:
        while text not in self.said():
            await self.receive()

    async def answers_to(self, data: bytes) -> list[Json]:
        """All that is said to these bytes: a request behind them is answered behind their answers."""
        await self.send(data, {"id": PROBE, "method": "authenticate", "params": {}})
        before = len(self.seen)
        await self.answer(PROBE)
        return self.seen[before:-1]

    async def hang_up(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        await self.process.stdin.aclose()
        await self.process.stdout.aclose()

    def peak(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def prompt(session: str, ident: int | str, text: str = "hi") -> Json:
    content = [{"type": "text", "text": text}]
    return {"id": ident, "method": "session/prompt", "params": {"sessionId": session, "prompt": content}}


def cancel(session: str) -> Json:
    return {"method": "session/cancel", "params": {"sessionId": session}}


def write_config(folder: Path, url: str) -> Path:
    path = folder / "continuum.yaml"
    backend = {"name": "b", "type": "generic", "url": f"{url}/v1", "models": ["test-model"]}
    quiet = {"health_checks": {"enabled": False}, "logging": {"level": "error"}}
    path.write_text(json.dumps({"backends": [backend], **quiet}), encoding="utf-8")  # JSON is YAML
    return path


@asynccontextmanager
async def open_agent(command: str, folder: Path, url: str = "http://127.0.0.1:9") -> AsyncGenerator[Agent]:
    """The command at work; after the block its input ends, and it must leave with 0 and a silent stderr."""
    with (folder / "stderr").open("w+b") as stderr, trio.fail_after(SECONDS):
        process = await trio.lowlevel.open_process(
            [command, "--mode", "stdio", "--config", str(write_config(folder, url))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        agent = Agent(process)
        try:
            yield agent
            await agent.hang_up()
            assert await process.wait() == 0
            stderr.seek(0)
            assert stderr.read() == b""
        finally:
            if process.returncode is None:
                process.kill()
            with trio.CancelScope(shield=True):
                await agent.hang_up()
                await process.wait()


REQUEST = call("7")
ENVELOPE = '{"jsonrpc":"2.0","id":7,"method":"no/such","params":%s}\n'

# Each with the (code, id) of all that is answered.
LINES: Sequence[tuple[str, bytes, Sequence[tuple[int, object]]]] = [
    ("no JSON", b"hello\n", [(-32700, None)]),
    ("half a JSON text", b'{"jsonrpc":"2.0",\n', [(-32700, None)]),
    ("trailing data", REQUEST[:-1] + b" x\n", [(-32700, None)]),
    ("NaN", (ENVELOPE % "NaN").encode(), [(-32700, None)]),
    ("6000 digits", (ENVELOPE % ("9" * 6000)).encode(), [(-32700, None)]),
    ("invalid UTF-8", b'{"jsonrpc":"2.0","id":7,"method":"\xff\xfe"}\n', [(-32700, None)]),
    ("UTF-16, little end first", REQUEST.decode().encode("utf-16-le"), [(-32700, None)]),
    ("a depth bomb of arrays", (ENVELOPE % ("[" * 200_000)).encode(), [(-32700, None)]),
    ("a depth bomb that closes", (ENVELOPE % ("[" * 5000 + "]" * 5000)).encode(), [(-32700, None)]),
    ("a depth bomb of objects", b'{"a":' * 100_000 + b"\n", [(-32700, None)]),
    ("an empty object", b"{}\n", [(-32600, None)]),
    ("a number", b"1\n", [(-32600, None)]),
    ("null", b"null\n", [(-32600, None)]),
    ("an empty array", b"[]\n", [(-32600, None)]),
    ("a batch", b"[" + b",".join([REQUEST[:-1]] * 3) + b"]\n", [(-32600, None)]),
    ("another version", b'{"jsonrpc":"1.0","id":7,"method":"no/such"}\n', [(-32600, 7)]),
    ("no version", b'{"id":7,"method":"no/such"}\n', [(-32600, 7)]),
    ("no method", b'{"jsonrpc":"2.0","id":7}\n', [(-32600, 7)]),
    ("a method that is no string", b'{"jsonrpc":"2.0","id":7,"method":1}\n', [(-32600, 7)]),
    ("an unknown method", REQUEST, [(-32601, 7)]),
    ("bad params", call("7", "session/new"), [(-32602, 7)]),
    ("an answer nobody asked for", b'{"jsonrpc":"2.0","id":7,"result":{}}\n', []),
    ("an unknown notification", b'{"jsonrpc":"2.0","method":"no/such"}\n', []),
    ("empty lines", b"\n\r\n  \n", []),
    ("CRLF", REQUEST[:-1] + b"\r\n", [(-32601, 7)]),
    *((f"id {ident[:20]}", call(ident), [(-32601, json.loads(ident))]) for ident in ("0", "-1", '""', '"1"', "1")),
    *((f"id {ident}", call(ident), [(-32601, int(ident))]) for ident in (str(2**53 + 1), str(-(2**63)), str(2**70))),
    ("an id of 1000 characters", call(f'"{"x" * 1000}"'), [(-32601, "x" * 1000)]),
    *((f"id {ident}", call(ident), [(-32600, None)]) for ident in ("{}", "[1]", "true", "1.5", "1.0")),
]


async def test_every_line_has_its_answer_and_the_next_line_works(continuum_command: str, tmp_path: Path) -> None:
    async with open_agent(continuum_command, tmp_path) as agent:
        await agent.send(INITIALIZE)
        await agent.answer(0)
        told = {
            name: [
                (each["error"]["code"], each["id"], type(each["id"]).__name__) for each in await agent.answers_to(data)
            ]
            for name, data, _ in LINES
        }
    assert told == {
        name: [(code, ident, type(ident).__name__) for code, ident in answers] for name, _, answers in LINES
    }


async def test_nothing_but_initialize_comes_first(continuum_command: str, tmp_path: Path) -> None:
    async with open_agent(continuum_command, tmp_path) as agent:
        await agent.send(b"\xff\n", call("1", "session/new"), INITIALIZE)
        told = [await agent.receive() for _ in range(3)]
    assert [(each["id"], each.get("error", {}).get("code")) for each in told] == [
        (None, -32700),
        (1, -32600),
        (0, None),
    ]


@NEEDS_PROC
async def test_a_flood_of_notifications_and_lines_without_end_take_no_memory(
    continuum_command: str, tmp_path: Path
) -> None:
    flood = (line(cancel("x")) + line({"method": "no/such", "params": {"x": "y" * 200}})) * 5000
    async with open_agent(continuum_command, tmp_path) as agent:
        await agent.new_session()
        await agent.answers_to(b"")
        before = agent.peak()
        assert await agent.answers_to(flood) == []
        assert agent.peak() - before < 8 * MIB
        for _ in range(64):
            await agent.send(b"[" * MIB)
        (refused,) = await agent.answers_to(b"\n")
        assert (refused["error"]["code"], refused["id"]) == (-32600, None)
        assert agent.peak() - before < 40 * MIB


async def test_a_duplicate_id_in_flight_is_refused_and_the_first_unaffected(
    continuum_command: str, tmp_path: Path
) -> None:
    async with open_upstream(Stream(("one",))) as upstream:
        upstream.push(Stream(("one", Hang())))
        async with open_agent(continuum_command, tmp_path, upstream.url) as agent:
            session = await agent.new_session()
            await agent.send(prompt(session, 5))
            await agent.heard("one")
            (refused,) = await agent.answers_to(line(prompt(session, 5)))
            assert (refused["id"], refused["error"]["code"]) == (5, -32600)
            (other,) = await agent.answers_to(call('"5"'))
            assert (other["id"], other["error"]["code"]) == ("5", -32601)
            await agent.send(cancel(session))
            assert (await agent.answer(5))["result"]["stopReason"] == "cancelled"
            await agent.send(prompt(session, 5))  # and free again
            assert (await agent.answer(5))["result"]["stopReason"] == "end_turn"


async def test_cancel_twice_and_late_leaves_the_next_turn_alone(continuum_command: str, tmp_path: Path) -> None:
    async with open_upstream(Stream(("whole",))) as upstream:
        upstream.push(Raw((Hang(),)))
        async with open_agent(continuum_command, tmp_path, upstream.url) as agent:
            session = await agent.new_session()
            await agent.send(prompt(session, "first"))
            request = await upstream.next_call()
            await agent.send(cancel(session), cancel(session), prompt(session, "second"))
            assert (await agent.answer("first"))["result"]["stopReason"] == "cancelled"
            await request.aborted()
            assert (await agent.answer("second"))["result"]["stopReason"] == "end_turn"
            await agent.send(cancel(session), prompt(session, "third"))
            assert (await agent.answer("third"))["result"]["stopReason"] == "end_turn"
