"""The tools of one turn: which are offered, and one call from the model's words to its result in the transcript.

The client sees `pending` until the call may run, then `in_progress`, then `completed` or `failed`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import trio

from continuum.chat import Tool, ToolUse

from .jsonrpc import JsonObject
from .lazy import load_target
from .permissions import ask, decide, offered_in
from .sent.updates import ToolCall, ToolCallChange, ToolContent, ToolKind, Update
from .tools import TOOLS
from .tools.base import Action, Output, ToolFault, ToolRow, parameters_of, parse_arguments, text_content

if TYPE_CHECKING:
    from .session import Session
    from .transcript import Transcript
    from .workbench import Workbench

__all__ = ["Toolbox"]

_log: Final = logging.getLogger("continuum.acp")

_LONGEST_TITLE: Final = 200
_ROWS: Final[Mapping[str, ToolRow]] = {row.name: row for row in TOOLS}


class Toolbox:
    """The tools as the session's mode and configuration allow them now."""

    def __init__(self, session: Session, bench: Workbench, transcript: Transcript) -> None:
        self._session = session
        self._bench = bench
        self._transcript = transcript

    def offered(self) -> list[Tool]:
        """What the model is told it may call."""
        enabled, mode = self._bench.tools.enabled, self._session.mode
        own = [_tool(row) for row in TOOLS if row.kind in enabled and offered_in(mode, row.kind)]

        if "other" not in enabled or not offered_in(mode, "other"):
            return own
        return own + [Tool(name, tool.description, tool.parameters) for name, _, tool in self._bench.servers.tools()]

    async def run(self, call: ToolUse) -> None:
        """Do what the model asks, if it may. Every fault is told to the model; only Cancelled comes out.

        The result is noted before it is shown: a client that is slow to read changes nothing about what was done.
        """
        row = _ROWS.get(call.name)
        view = _View(self._session.id, self._bench, call, row)
        try:
            action = await self._prepare(row, view)
        except ToolFault as fault:
            self._note(call, Output(str(fault), failed=True))
            await view.refuse(str(fault))
            return
        try:
            await view.open(action)
            output = await self._carry_out(view, action)
            self._note(call, output)
            await view.end(output)
        except BaseException:  # cancelled, alone or in a group
            view.drop()
            raise

    def _note(self, call: ToolUse, output: Output) -> None:
        self._transcript.result(call, output.said, is_error=output.failed)

    async def _prepare(self, row: ToolRow | None, view: _View) -> Action:
        arguments = view.read_arguments()
        tools = self._bench.tools
        if row is None and "other" in tools.enabled:
            remote = self._bench.servers.prepare(view.call.name, arguments, tools.command_timeout)
            if remote is not None:
                return remote
        if row is None or row.kind not in tools.enabled:
            names = ", ".join(tool.name for tool in self.offered())
            raise ToolFault(f"There is no tool {view.call.name[:100]!r}. The tools are: {names}")
        module = await trio.to_thread.run_sync(load_target, f"continuum.acp.tools.{row.module}:prepare")
        action: Action = await module(self._bench, arguments)
        return action

    async def _carry_out(self, view: _View, action: Action) -> Output:
        if not await self._allowed(view, action):
            return Output("Not done: the user does not allow it", failed=True)
        await view.begin()
        self._transcript.run(view.call)
        try:
            return await action.run(view.progress)
        except ToolFault as fault:
            return Output(str(fault), failed=True)

    async def _allowed(self, view: _View, action: Action) -> bool:
        session, grants = self._session, self._bench.grants
        match decide(session.settings.permissions, session.mode, view.kind, action, grants):
            case "allow":
                return True
            case "refuse":
                return False
            case "ask":
                return await ask(self._bench.client, session.id, view.pending(action), action, grants)


@cache
def _tool(row: ToolRow) -> Tool:
    module = f"continuum.acp.tools.{row.module}"
    parameters = parameters_of(load_target(f"{module}:Parameters"))
    return Tool(row.name, load_target(f"{module}:DESCRIPTION"), parameters)


class _View:
    """One call as the client sees it. A quiet tool shows nothing: what it does is an update of its own."""

    def __init__(self, session_id: str, bench: Workbench, call: ToolUse, row: ToolRow | None) -> None:
        self.call = call
        self.kind: ToolKind = row.kind if row else "other"
        self._quiet = row is not None and row.quiet
        self._session_id = session_id
        self._client = bench.client
        self._input: Any = call.arguments
        self._ended = False

    def read_arguments(self) -> JsonObject:
        """What the model wrote, as an object. ToolFault: it is none."""
        self._input = value = parse_arguments(self.call.arguments)
        return value

    async def open(self, action: Action) -> None:
        """Pending: this is what is about to be done."""
        await self._send({"sessionUpdate": "tool_call", **self.pending(action)})

    def pending(self, action: Action) -> ToolCall:
        """The call before it may run, as a question for permission shows it, too."""
        return {
            "toolCallId": self.call.id,
            "title": action.title[:_LONGEST_TITLE],
            "kind": self.kind,
            "status": "pending",
            "rawInput": self._input,
            "locations": action.locations,
            "content": action.content,
        }

    async def begin(self) -> None:
        """It may run."""
        await self._send({**self._change, "status": "in_progress"})

    async def progress(self, content: list[ToolContent]) -> None:
        """Show what there is so far."""
        await self._send({**self._change, "content": content})

    async def end(self, output: Output) -> None:
        """It has run, or may not."""
        self._ended = True
        ended: ToolCallChange = {**self._change, "status": "failed" if output.failed else "completed"}
        if output.content != []:
            ended["content"] = output.shown
        if output.raw is not None:
            ended["rawOutput"] = output.raw
        await self._send(ended)

    async def refuse(self, reason: str) -> None:
        """It is none that can be done."""
        await self._send(
            {
                "sessionUpdate": "tool_call",
                "toolCallId": self.call.id,
                "title": self.call.name[:_LONGEST_TITLE] or "a tool without a name",
                "kind": self.kind,
                "status": "failed",
                "rawInput": self._input,
                "content": text_content(reason),
            }
        )

    def drop(self) -> None:
        """The turn was cancelled meanwhile: the client must not show it as running for ever."""
        if not (self._quiet or self._ended):
            self._client.post_update(self._session_id, {**self._change, "status": "failed"})

    @property
    def _change(self) -> ToolCallChange:
        return {"sessionUpdate": "tool_call_update", "toolCallId": self.call.id}

    async def _send(self, update: Update) -> None:
        if not self._quiet:
            await self._client.update(self._session_id, update)
