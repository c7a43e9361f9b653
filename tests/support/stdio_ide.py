"""The IDE double with the installed command as its agent, in front of a scripted model that calls tools."""

import json
import os
import subprocess
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from acp_schema import hold_to_schema
from patience import PATIENCE_S
from stdio_agent import backend, write_config

from continuum.testing.ide import Ide
from continuum.testing.upstream import Completion, Stream, ToolCall, Upstream


def call(name: str, ident: str = "c1", **arguments: Any) -> ToolCall:
    return ToolCall(name, json.dumps(arguments), id=ident)


class Desk:
    """An editor at work on a folder. process: the agent's; what it says on stderr is in the folder's `stderr`."""

    def __init__(self, ide: Ide, upstream: Upstream, process: trio.Process) -> None:
        self.ide, self.process = ide, process
        self._upstream = upstream

    def script(self, *calls: ToolCall) -> None:
        """The model makes these calls at once, then says ok."""
        self._upstream.push(Completion((), tool_calls=calls), Stream(("ok",)))

    async def ask(self, session: str, *calls: ToolCall) -> dict[str, str]:
        """A whole turn with these calls; what the model is told of each, by id."""
        self.script(*calls)
        assert (await self.ide.prompt(session))["stopReason"] == "end_turn"
        return self.told()

    def told(self) -> dict[str, str]:
        """What the last request tells the model about calls, by id."""
        messages = self._upstream.calls[-1].json["messages"]
        return {each["tool_call_id"]: each["content"] for each in messages if each["role"] == "tool"}

    def memory(self, figure: str) -> int:
        """Bytes, of /proc/PID/status."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.partition(f"{figure}:")[2].split()[0]) * 1024


@asynccontextmanager
async def open_desk(
    command: str,
    folder: Path,
    upstream: Upstream,
    *,
    abilities: Collection[str] = (),
    environment: Mapping[str, str] | None = None,
    acp: Mapping[str, Any] | None = None,
) -> AsyncGenerator[Desk]:
    """The editor, greeted; leaving it ends the agent, which must go with 0 and an empty stderr.

    folder: for what the agent keeps; not the one that is worked on. environment: beside ours.
    """
    config = write_config(folder, [backend(upstream.url)], acp=acp or {})
    with (folder / "stderr").open("w+b") as stderr, trio.fail_after(2 * PATIENCE_S):
        process = await trio.lowlevel.open_process(
            [command, "--mode", "stdio", "--config", str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **(environment or {})},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with process.stdin, process.stdout, trio.open_nursery() as nursery:
                ide = Ide(process.stdin, process.stdout, nursery, abilities=abilities)
                ide.on_message = lambda message: hold_to_schema(message, ide.asked)
                nursery.start_soon(ide.run)
                await ide.initialize()
                yield Desk(ide, upstream, process)
                await ide.leave()
                assert await process.wait() == 0
                await ide.desk.close()
                nursery.cancel_scope.cancel()
            stderr.seek(0)
            assert stderr.read().decode() == ""
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
