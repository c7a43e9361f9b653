"""What stdio mode promises for each fault and each odd input (not the tools'), against the installed command."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from stdio_agent import INITIALIZE, MIB, backend, cancel, line, open_agent, prompt

from continuum.testing.upstream import Hang, Raw, Stream, open_upstream

NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from /proc")


def call(ident: str, method: str = "no/such") -> bytes:
    """A request whose id is written as given."""
    return b'{"jsonrpc":"2.0","id":%s,"method":"%s"}\n' % (ident.encode(), method.encode())


REQUEST = call("7")
ENVELOPE = '{"jsonrpc":"2.0","id":7,"method":"no/such","params":%s}\n'

# Each with the (code, id) of all that is answered.
LINES: Sequence[tuple[str, bytes, Sequence[tuple[int, object]]]] = [
    ("no JSON", b"hello\n", [(-32700, None)]),
    ("half a JSON text", b'{"jsonrpc":"2.0",\n', [(-32700, None)]),
    ("trailing data", REQUEST[:-1] + b" x\n", [(-32700, None)]),
    ("NaN", (ENVELOPE % "NaN").encode(), [(-32700, None)]),
    ("a number past all floats", (ENVELOPE % "-1e999").encode(), [(-32700, None)]),
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
        before = agent.memory("VmHWM")
        assert await agent.answers_to(flood) == []
        assert agent.memory("VmHWM") - before < 8 * MIB
        for _ in range(64):
            await agent.send(b"[" * MIB)
        (refused,) = await agent.answers_to(b"\n")
        assert (refused["error"]["code"], refused["id"]) == (-32600, None)
        assert agent.memory("VmHWM") - before < 40 * MIB


async def test_a_duplicate_id_in_flight_is_refused_and_the_first_unaffected(
    continuum_command: str, tmp_path: Path
) -> None:
    async with open_upstream(Stream(("one",))) as upstream:
        upstream.push(Stream(("one", Hang())))
        async with open_agent(continuum_command, tmp_path, backend(upstream.url)) as agent:
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
        async with open_agent(continuum_command, tmp_path, backend(upstream.url)) as agent:
            session = await agent.new_session()
            await agent.send(prompt(session, "first"))
            request = await upstream.next_call()
            await agent.send(cancel(session), cancel(session), prompt(session, "second"))
            assert (await agent.answer("first"))["result"]["stopReason"] == "cancelled"
            await request.aborted()
            assert (await agent.answer("second"))["result"]["stopReason"] == "end_turn"
            await agent.send(cancel(session), prompt(session, "third"))
            assert (await agent.answer("third"))["result"]["stopReason"] == "end_turn"
