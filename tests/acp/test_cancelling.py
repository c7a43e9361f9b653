"""Cancelling, in either way and from every state a turn can be in, against the installed command."""

import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import mcp_server
import trio
from patience import promised
from stdio_ide import Desk, call, open_desk

from continuum.testing.upstream import Answer, Completion, Hang, Raw, Request, Stream, ToolCall, Upstream, open_upstream


@dataclass(frozen=True)
class State:
    """What the model answers, and what shows that the turn has come there. ask: the permission is not given."""

    answer: Answer
    there: Callable[[Desk, Request], Awaitable[object]]
    ask: bool = False


def calling(*calls: ToolCall) -> Completion:
    return Completion((), tool_calls=calls)


async def asked(desk: Desk, call: Request) -> None:
    del desk, call


async def half_said(desk: Desk, call: Request) -> None:
    del call
    await desk.ide.seen(lambda ide: ide.said().endswith("half"))


async def in_progress(desk: Desk, call: Request) -> None:
    del call
    await desk.ide.seen(lambda ide: ide.tool_call("c")["statuses"][-1:] == ["in_progress"])


async def permission(desk: Desk, call: Request) -> None:
    del call
    await desk.ide.permissions.asking.wait()


DEAF = "trap '' TERM; while :; do sleep 1; done"

STATES: Mapping[str, State] = {
    "before the head": State(Raw((Hang(),)), asked),
    "before the first token": State(Stream((Hang(),)), asked),
    "mid-answer": State(Stream(("half", Hang())), half_said),
    "asking for permission": State(calling(call("run_command", "c", command="true; true")), permission, ask=True),
    "in a command": State(calling(call("run_command", "c", command=DEAF)), in_progress),
    "in an MCP server": State(calling(call("double__slow", "c")), in_progress),
    "in a search": State(calling(call("search", "c", pattern="(x+x+)+y")), in_progress),
}


async def by_session(desk: Desk, session: str, prompt: int) -> None:
    del prompt
    await desk.ide.cancel(session)


async def by_request(desk: Desk, session: str, prompt: int) -> None:
    del session
    await desk.ide.send({"method": "$/cancel_request", "params": {"requestId": prompt}})


Way = Callable[[Desk, str, int], Awaitable[None]]


async def cancelled(desk: Desk, upstream: Upstream, session: str, state: State, way: Way) -> tuple[str, str]:
    """How a prompt ended that was cancelled in that state, and how the one that was queued behind it."""
    ide = desk.ide
    ide.updates.clear()
    ide.permissions.asking = trio.Event()
    ide.permissions.default = "never" if state.ask else "allow_once"
    upstream.push(state.answer)
    end = await ide.start_prompt(session, "go")
    prompt = max(ide.asked)
    request = await upstream.next_call()
    await state.there(desk, request)
    queued = await ide.start_prompt(session, "and then")
    began = time.monotonic()
    await way(desk, session, prompt)
    reason: str = (await end())["stopReason"]
    assert time.monotonic() - began < promised(1)
    if not isinstance(state.answer, Completion):  # a whole answer, in which a tool was called
        await request.aborted()
    assert ide.tool_call("c")["statuses"][-1:] in ([], ["failed"])
    return reason, (await queued())["stopReason"]


async def test_from_every_state(continuum_command: str, tmp_path: Path) -> None:
    """session/cancel ends what is queued, too; $/cancel_request the one request. The session is usable at once."""
    server = {"name": "double", "command": sys.executable, "args": [mcp_server.__file__, "none"], "env": []}
    folder = tmp_path / "folder"
    await trio.Path(folder).mkdir()
    (folder / "x").write_text("x" * 60 + "\n")  # a pattern that never ends is tried on it
    told: dict[tuple[str, str], tuple[str, str]] = {}
    async with open_upstream(Stream(("fine",))) as upstream, open_desk(continuum_command, tmp_path, upstream) as desk:
        for name, state in STATES.items():
            for way in (by_session, by_request):
                session = await desk.ide.new_session(str(folder), mcpServers=[server])
                told[name, way.__name__] = await cancelled(desk, upstream, session, state, way)
                if way is by_request:
                    await upstream.next_call()  # of the queued one
                assert (await desk.ide.prompt(session))["stopReason"] == "end_turn"
                await upstream.next_call()
                await desk.ide.call("session/close", {"sessionId": session})
    assert told == {
        (name, way): ("cancelled", queued)
        for name in STATES
        for way, queued in (("by_session", "cancelled"), ("by_request", "end_turn"))
    }


async def test_while_an_mcp_server_hangs_at_its_start(continuum_command: str, tmp_path: Path) -> None:
    server = {"name": "stuck", "command": sys.executable, "args": [mcp_server.__file__, "hang"], "env": []}
    async with open_upstream(Stream(("fine",))) as upstream, open_desk(continuum_command, tmp_path, upstream) as desk:
        for way in (by_session, by_request):
            session = await desk.ide.new_session("/", mcpServers=[server])
            end = await desk.ide.start_prompt(session, "go")
            began = time.monotonic()
            await way(desk, session, max(desk.ide.asked))
            assert (await end())["stopReason"] == "cancelled"
            assert time.monotonic() - began < promised(1)
    assert upstream.calls == []
