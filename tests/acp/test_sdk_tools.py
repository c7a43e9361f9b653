"""The official Python SDK as an editor with files, terminals and permissions, in front of the real process."""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import acp
import mcp_server
import pytest
import trio
from acp import schema
from acp.connection import StreamDirection, StreamEvent
from acp_schema import hold_to_schema

from continuum.testing.upstream import Completion, Stream, ToolCall, Upstream, open_upstream

SECONDS = 30


@dataclass
class Editor:
    """An editor that answers permissions as told and keeps what it is asked."""

    answer: str
    asked: list[schema.ToolCallUpdate] = field(default_factory=list[schema.ToolCallUpdate])
    written: dict[str, str] = field(default_factory=dict[str, str])
    terminal: asyncio.subprocess.Process | None = None
    released: list[str] = field(default_factory=list[str])
    updates: list[Any] = field(default_factory=list[Any])

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        del session_id
        self.updates.append(update)

    async def request_permission(
        self, session_id: str, tool_call: schema.ToolCallUpdate, options: list[schema.PermissionOption], **_: Any
    ) -> schema.RequestPermissionResponse:
        del session_id
        self.asked.append(tool_call)
        if self.answer == "cancelled":
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

    async def release_terminal(self, session_id: str, terminal_id: str, **_: Any) -> None:
        del session_id
        self.released.append(terminal_id)

    def statuses(self, ident: str) -> list[str]:
        return [update.status for update in self.updates if getattr(update, "tool_call_id", None) == ident]


def call(name: str, **arguments: object) -> Completion:
    return Completion((), tool_calls=(ToolCall(name, json.dumps(arguments), id="c1"),))


async def play(
    upstream: Upstream, command: str, folder: Path, answer: str = "allow_once", *, with_server: bool = False
) -> Editor:
    """One prompt; every message of ours is held to the official schema."""
    config = folder / "continuum.yaml"
    backends = f"[{{name: b, type: generic, url: '{upstream.url}/v1', models: [m]}}]"
    config.write_text(f"logging: {{level: error}}\nbackends: {backends}\n", encoding="utf-8")
    editor = Editor(answer)
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

    arguments = (command, "--mode", "stdio", "--config", str(config))
    server = schema.McpServerStdio(name="double", command=sys.executable, args=[mcp_server.__file__, "none"], env=[])

    async def main() -> None:
        async with (
            asyncio.timeout(SECONDS),
            acp.spawn_agent_process(editor, *arguments, observers=[watch]) as (agent, _),  # type: ignore[arg-type]
        ):
            files = schema.FileSystemCapabilities(read_text_file=True, write_text_file=True)
            abilities = schema.ClientCapabilities(fs=files, terminal=True)
            await agent.initialize(protocol_version=acp.PROTOCOL_VERSION, client_capabilities=abilities)
            opened = await agent.new_session(cwd=str(folder), mcp_servers=[server] if with_server else [])
            done = await agent.prompt(session_id=opened.session_id, prompt=[acp.text_block("go")])
            assert done.stop_reason == "end_turn"

    await trio.to_thread.run_sync(asyncio.run, main())
    assert not errors
    return editor


def told(upstream: Upstream) -> str:
    """What the second request tells the model about the call."""
    message = upstream.calls[-1].json["messages"][-1]
    assert (message["role"], message["tool_call_id"]) == ("tool", "c1")
    content: str = message["content"]
    return content


@pytest.mark.parametrize("answer", ["allow_once", "reject_once", "cancelled", "unknown"])
async def test_permission(answer: str, continuum_command: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    async with open_upstream() as upstream:
        upstream.push(call("delete_file", path="f"), Stream(("done",)))
        editor = await play(upstream, continuum_command, tmp_path, answer)
    assert len(editor.asked) == 1
    allowed = answer == "allow_once"
    assert (tmp_path / "f").exists() is not allowed
    ends = ["in_progress", "completed"] if allowed else ["failed"]
    assert editor.statuses("c1") == ["pending", *ends]
    assert ("Deleted" if allowed else "does not allow") in told(upstream)


async def test_read_and_write_go_through_the_client(continuum_command: str, tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        upstream.push(call("read_file", path="f"), Stream(("done",)))
        await play(upstream, continuum_command, tmp_path)
        assert told(upstream) == "unsaved text of f"
        upstream.push(call("edit_file", path="f", old_text="unsaved", new_text="better"), Stream(("done",)))
        editor = await play(upstream, continuum_command, tmp_path)
    assert editor.written == {str(tmp_path / "f"): "better text of f"}
    assert not (tmp_path / "f").exists()


async def test_a_terminal_is_embedded_and_released(continuum_command: str, tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        upstream.push(call("run_command", command="echo hello"), Stream(("done",)))
        editor = await play(upstream, continuum_command, tmp_path)
    assert told(upstream) == "hello\n(exit status 0)"
    shown = [update.content for update in editor.updates if getattr(update, "tool_call_id", "") == "c1"]
    assert [schema.TerminalToolCallContent(type="terminal", terminal_id="t-1")] in shown
    assert editor.released == ["t-1"]


async def test_an_mcp_tool_is_called(continuum_command: str, tmp_path: Path) -> None:
    async with open_upstream() as upstream:
        upstream.push(call("double__echo", text="hi"), Stream(("done",)))
        editor = await play(upstream, continuum_command, tmp_path, with_server=True)
    assert told(upstream) == "you said hi"
    assert editor.asked[0].kind == "other"
