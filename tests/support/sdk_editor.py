"""The official Python SDK as an editor with files, terminals and a user: a process of its own for the agent, every
message held to the schemas.

The SDK lives on asyncio: it runs in a thread.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import acp
import mcp_server
import trio
from acp import schema
from acp.connection import StreamDirection, StreamEvent
from acp_schema import hold_to_schema

SECONDS = 40

Scenario = Callable[["Editor"], Awaitable[None]]


@dataclass
class Editor:
    """An editor that answers permissions as told and keeps what it is asked. answer: a kind of option, `cancelled`,
    `unknown`, or `never`: the question stays on the screen until the turn is stopped.
    """

    folder: Path
    answer: str = "allow_once"
    asked: list[schema.ToolCallUpdate] = field(default_factory=list[schema.ToolCallUpdate])
    written: dict[str, str] = field(default_factory=dict[str, str])
    terminal: asyncio.subprocess.Process | None = None
    released: list[str] = field(default_factory=list[str])
    updates: list[Any] = field(default_factory=list[Any])
    told: asyncio.Condition = field(default_factory=asyncio.Condition)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    agent: acp.Agent = field(init=False)

    async def open(self, *servers: Any) -> str:
        opened = await self.agent.new_session(cwd=str(self.folder), mcp_servers=list(servers))
        return opened.session_id

    def prompt(self, session: str, text: str) -> asyncio.Task[schema.PromptResponse]:
        return asyncio.ensure_future(self.agent.prompt(session_id=session, prompt=[acp.text_block(text)]))

    async def cancel(self, session: str) -> None:
        """The stop button; a question on the screen is taken back with it."""
        await self.agent.cancel(session_id=session)
        self.stopped.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds of what came."""
        async with self.told:
            await self.told.wait_for(holds)

    async def _look(self) -> None:
        async with self.told:
            self.told.notify_all()

    def said(self) -> str:
        chunks = [update for update in self.updates if isinstance(update, schema.AgentMessageChunk)]
        return "".join(chunk.content.text for chunk in chunks if isinstance(chunk.content, schema.TextContentBlock))

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        del session_id
        self.updates.append(update)
        await self._look()

    async def request_permission(
        self, session_id: str, tool_call: schema.ToolCallUpdate, options: list[schema.PermissionOption], **_: Any
    ) -> schema.RequestPermissionResponse:
        del session_id
        self.asked.append(tool_call)
        await self._look()
        if self.answer == "never":
            await self.stopped.wait()
        if self.answer in {"cancelled", "never"}:
            return schema.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
        offered = {option.kind: option.option_id for option in options}
        chosen = offered.get(self.answer, "unknown")  # type: ignore[call-overload]
        return schema.RequestPermissionResponse(outcome=schema.AllowedOutcome(outcome="selected", option_id=chosen))

    async def read_text_file(self, session_id: str, path: str, **_: Any) -> schema.ReadTextFileResponse:
        del session_id
        return schema.ReadTextFileResponse(content=f"unsaved text of {Path(path).name}")

    async def write_text_file(self, session_id: str, path: str, content: str, **_: Any) -> None:
        del session_id
        self.written[path] = content

    async def create_terminal(
        self, session_id: str, command: str, args: list[str] | None = None, cwd: str | None = None, **_: Any
    ) -> schema.CreateTerminalResponse:
        del session_id
        pipe = asyncio.subprocess.PIPE
        self.terminal = await asyncio.create_subprocess_exec(command, *(args or []), cwd=cwd, stdout=pipe)
        return schema.CreateTerminalResponse(terminal_id="t-1")

    async def wait_for_terminal_exit(self, session_id: str, terminal_id: str, **_: Any) -> Any:
        del session_id, terminal_id
        assert self.terminal is not None
        return schema.WaitForTerminalExitResponse(exit_code=await self.terminal.wait())

    async def terminal_output(self, session_id: str, terminal_id: str, **_: Any) -> schema.TerminalOutputResponse:
        del session_id, terminal_id
        assert self.terminal is not None
        assert self.terminal.stdout is not None
        return schema.TerminalOutputResponse(output=(await self.terminal.stdout.read()).decode(), truncated=False)

    async def kill_terminal(self, session_id: str, terminal_id: str, **_: Any) -> None:
        del session_id, terminal_id
        assert self.terminal is not None
        if self.terminal.returncode is None:
            self.terminal.kill()

    async def release_terminal(self, session_id: str, terminal_id: str, **_: Any) -> None:
        del session_id
        self.released.append(terminal_id)
        await self._look()

    def statuses(self, ident: str) -> list[str]:
        return [update.status for update in self.updates if getattr(update, "tool_call_id", None) == ident]


def mcp_double() -> schema.McpServerStdio:
    """A server with the tools of mcp_server.py."""
    return schema.McpServerStdio(name="double", command=sys.executable, args=[mcp_server.__file__, "none"], env=[])


async def run_editor(command: str, config: Path, scenario: Scenario, answer: str = "allow_once") -> Editor:
    """Run a scenario against a fresh process; the editor as it was then."""
    methods: dict[int, str] = {}
    errors: list[BaseException] = []

    def watch(event: StreamEvent) -> None:
        if event.direction is StreamDirection.OUTGOING:
            if "id" in event.message and "method" in event.message:
                methods[event.message["id"]] = event.message["method"]
            return
        try:
            hold_to_schema(event.message, methods)
        except Exception as error:  # the SDK would only log it
            errors.append(error)
            raise

    async def main() -> Editor:
        editor = Editor(config.parent, answer)
        arguments = (command, "--mode", "stdio", "--config", str(config))
        async with (
            asyncio.timeout(SECONDS),
            acp.spawn_agent_process(editor, *arguments, observers=[watch]) as (agent, _),  # type: ignore[arg-type]
        ):
            editor.agent = agent
            files = schema.FileSystemCapabilities(read_text_file=True, write_text_file=True)
            abilities = schema.ClientCapabilities(fs=files, terminal=True)
            await agent.initialize(protocol_version=acp.PROTOCOL_VERSION, client_capabilities=abilities)
            await scenario(editor)
        return editor

    editor = await trio.to_thread.run_sync(asyncio.run, main())
    assert not errors
    return editor
