"""The official Python SDK as an editor with files, terminals and a user: a process of its own for the agent, every
message held to the schemas.

The SDK lives on asyncio: it runs in a thread, and asks the upstream, which lives on trio, across it.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import acp
import mcp_server
import trio
from acp import schema
from acp.connection import StreamDirection, StreamEvent
from acp_schema import hold_to_schema
from patience import PATIENCE_S

T = TypeVar("T")
ABILITIES = schema.ClientCapabilities(
    fs=schema.FileSystemCapabilities(read_text_file=True, write_text_file=True), terminal=True
)

Scenario = Callable[["Editor"], Awaitable[None]]


@dataclass
class Editor:
    """An editor that answers permissions as told and keeps what it is asked. answer: a kind of option, `cancelled`,
    `unknown`, or `never`: the question stays on the screen until the turn is stopped.
    """

    folder: Path
    answer: str
    trio_token: trio.lowlevel.TrioToken
    asked: list[schema.ToolCallUpdate] = field(default_factory=list[schema.ToolCallUpdate])
    written: dict[str, str] = field(default_factory=dict[str, str])
    terminal: asyncio.subprocess.Process | None = None
    released: list[str] = field(default_factory=list[str])
    received: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    told: asyncio.Condition = field(default_factory=asyncio.Condition)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    agent: acp.Agent = field(init=False)
    process: asyncio.subprocess.Process = field(init=False)

    @property
    def updates(self) -> list[Any]:
        """Of all sessions."""
        return [update for _, update in self.received]

    async def in_trio(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        return await asyncio.to_thread(partial(trio.from_thread.run, trio_token=self.trio_token), function, *args)

    async def open(self, *servers: Any) -> str:
        opened = await self.agent.new_session(cwd=str(self.folder), mcp_servers=list(servers))
        return opened.session_id

    def prompt(self, session: str, text: str = "hi") -> asyncio.Task[schema.PromptResponse]:
        return asyncio.ensure_future(self.agent.prompt(session_id=session, prompt=[acp.text_block(text)]))

    async def cancel(self, session: str) -> None:
        """The stop button; a question on the screen is taken back with it."""
        await self.agent.cancel(session_id=session)
        self.stopped.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds of what came."""
        async with self.told:
            await self.told.wait_for(holds)

    async def heard(self, text: str) -> None:
        """Wait until that much was streamed."""
        await self.until(lambda: text in self.said())

    async def _look(self) -> None:
        async with self.told:
            self.told.notify_all()

    def chunks(self, session: str | None = None) -> list[schema.AgentMessageChunk]:
        """Of what the agent said, in one session or in all."""
        updates = [update for told, update in self.received if session in {None, told}]
        return [update for update in updates if isinstance(update, schema.AgentMessageChunk)]

    def said(self, session: str | None = None) -> str:
        contents = [chunk.content for chunk in self.chunks(session)]
        return "".join(content.text for content in contents if isinstance(content, schema.TextContentBlock))

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self.received.append((session_id, update))
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


async def run_editor(
    command: str,
    config: Path,
    scenario: Scenario,
    answer: str = "allow_once",
    *,
    abilities: schema.ClientCapabilities | None = ABILITIES,
) -> Editor:
    """Run a scenario against a fresh process, which must leave with 0 and without a word on stderr; the editor as it
    was then.
    """
    methods: dict[int, str] = {}
    errors: list[BaseException] = []
    token = trio.lowlevel.current_trio_token()

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
        editor = Editor(config.parent, answer, token)
        arguments = (command, "--mode", "stdio", "--config", str(config))
        async with (
            asyncio.timeout(2 * PATIENCE_S),
            acp.spawn_agent_process(
                editor,  # type: ignore[arg-type]
                *arguments,
                transport_kwargs={
                    "shutdown_timeout": PATIENCE_S
                },  # then the SDK kills, which would show in the exit code
                observers=[watch],
            ) as (agent, process),
        ):
            editor.agent, editor.process = agent, process
            hello = await agent.initialize(protocol_version=acp.PROTOCOL_VERSION, client_capabilities=abilities)
            assert hello.protocol_version == 1
            await scenario(editor)
        assert process.stderr is not None
        said = await process.stderr.read()
        assert (process.returncode, said) == (0, b"")
        return editor

    editor = await trio.to_thread.run_sync(asyncio.run, main())
    assert not errors
    return editor
