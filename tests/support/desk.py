"""An agent inside the test, between the IDE double and a scripted model; every message is held to the schema."""

import json
import os
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from acp_peer import ScriptedHost, Step, config_of
from acp_schema import hold_to_schema
from patience import PATIENCE_S

from continuum import config
from continuum.acp.server import serve
from continuum.chat import Finished, Message, PartEnded, PartStarted, Started, TextDelta, ToolArgsDelta, ToolResult
from continuum.testing.ide import Ide

ALL = ("read", "write", "terminal")


def call(name: str, *, id: str = "c1", raw: str | None = None, **arguments: Any) -> tuple[str, str, str]:  # noqa: A002
    """One tool call of a scripted answer."""
    return id, name, json.dumps(arguments) if raw is None else raw


def calls(*wanted: tuple[str, str, str], text: str = "", reason: str = "tool_calls") -> list[Step]:
    """An answer that calls tools, its arguments in pieces."""
    steps: list[Step] = [Started("c-1", "m")]
    if text:
        steps += [PartStarted(0, "text"), TextDelta(text, 0), PartEnded(0)]
    for index, (ident, name, arguments) in enumerate(wanted, 1):
        half = len(arguments) // 2
        steps += [
            PartStarted(index, "tool", ident, name),
            ToolArgsDelta(arguments[:half], index),
            ToolArgsDelta(arguments[half:], index),
            PartEnded(index),
        ]
    return [*steps, Finished(reason)]


def results(messages: Sequence[Message]) -> dict[str, ToolResult]:
    """The tool results of a conversation by their call's id."""
    return {part.id: part for message in messages for part in message.parts if isinstance(part, ToolResult)}


def told(host: ScriptedHost, ident: str = "c1", request: int = -1) -> str:
    """What a request tells the model about a call."""
    result = results(host.requests[request].messages)[ident]
    return "".join(getattr(part, "text", "(image)") for part in result.content)


@asynccontextmanager
async def open_desk(
    host: ScriptedHost,
    *,
    abilities: Collection[str] = (),
    flat: bool = False,
    acp: Mapping[str, object] | None = None,
) -> AsyncGenerator[Ide]:
    """The double, greeted; leaving it ends the agent, which must go with 0."""

    @asynccontextmanager
    async def open_host(_: config.ConfigStore) -> AsyncGenerator[ScriptedHost]:
        yield host

    agent_in, to_agent = os.pipe()
    from_agent, agent_out = os.pipe()
    codes: list[int] = []

    async def run() -> None:
        try:
            codes.append(
                await serve(in_fd=agent_in, out_fd=agent_out, load=lambda: config_of(acp), open_host=open_host)
            )
        finally:
            os.close(agent_out)
            os.close(agent_in)

    to, back = trio.lowlevel.FdStream(to_agent), trio.lowlevel.FdStream(from_agent)
    async with to, back, trio.open_nursery() as nursery:
        ended = trio.Event()
        ide = Ide(to, back, nursery, abilities=abilities, flat=flat)
        ide.on_message = lambda message: hold_to_schema(message, ide.asked)

        async def agent() -> None:
            await run()
            ended.set()

        nursery.start_soon(agent)
        nursery.start_soon(ide.run)
        await ide.initialize()
        yield ide
        await ide.leave()
        await ide.desk.close()
        with trio.fail_after(PATIENCE_S):
            await ended.wait()
        nursery.cancel_scope.cancel()
    assert codes == [0]
