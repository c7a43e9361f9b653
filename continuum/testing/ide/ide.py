"""The client itself: sends requests, serves the agent's, keeps every message. The standard library and trio only."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import trio

from continuum.testing.ide.desk import Desk
from continuum.testing.ide.permissions import Permissions

__all__ = ["AgentError", "Ide", "Json", "open_ide"]

Json = dict[str, Any]

_METHODS = {
    "read": ("fs/read_text_file",),
    "write": ("fs/write_text_file",),
    "terminal": ("terminal/create", "terminal/output", "terminal/wait_for_exit", "terminal/kill", "terminal/release"),
}
ABILITIES = tuple(_METHODS)


class AgentError(Exception):
    """The agent answered a request with an error."""

    def __init__(self, error: Json) -> None:
        super().__init__(error.get("message"))
        self.code: int = error["code"]
        self.error = error


class Ide:
    """One editor at the far end of two streams; `run` must be running.

    abilities: of `read`, `write`, `terminal`, what it advertises and serves; flat: in the older, flat form.
    updates: the params of every session/update so far. messages: everything received, in order.
    """

    def __init__(
        self,
        to_agent: trio.abc.SendStream,
        from_agent: trio.abc.ReceiveStream,
        nursery: trio.Nursery,
        *,
        abilities: Collection[str] = ABILITIES,
        flat: bool = False,
    ) -> None:
        self.desk = Desk(nursery)
        self.permissions = Permissions()
        self.updates: list[Json] = []
        self.messages: list[Json] = []
        self.asked: dict[int, str] = {}
        """Methods of the requests sent, by id."""
        self.on_message: Callable[[Json], object] | None = None
        self.reading = trio.Event()
        """Cleared (by a new event) the double stops reading, as a client that hangs."""
        self.reading.set()
        self._to_agent, self._from_agent = to_agent, from_agent
        self._nursery = nursery
        self._abilities = frozenset(abilities)
        self._flat = flat
        self._sending = trio.Lock()
        self._waiting: dict[int, tuple[trio.Event, list[Json]]] = {}
        self._last_id = 0
        self._changed = trio.Condition()
        self._served = {method for ability in abilities for method in _METHODS[ability]}

    @property
    def capabilities(self) -> Json:
        """What `initialize` says of this client."""
        read, write = ("read" in self._abilities), ("write" in self._abilities)
        terminal = "terminal" in self._abilities
        if self._flat:
            return {"readTextFile": read, "writeTextFile": write, "terminal": terminal}
        return {"fs": {"readTextFile": read, "writeTextFile": write}, "terminal": terminal}

    async def run(self) -> None:
        """Take the agent's messages until it closes its output."""
        buffer = bytearray()
        while True:
            await self.reading.wait()
            data = await self._from_agent.receive_some(65536)
            if not data:
                return
            buffer += data
            *lines, rest = bytes(buffer).split(b"\n")
            buffer = bytearray(rest)
            for line in lines:
                await self._take(json.loads(line))

    async def _take(self, message: Json) -> None:
        self.messages.append(message)
        if self.on_message is not None:
            self.on_message(message)
        if "method" not in message:
            event, answer = self._waiting.pop(message["id"])
            answer.append(message)
            event.set()
        elif "id" in message:
            self._nursery.start_soon(self._serve, message)
        elif message["method"] == "session/update":
            self.updates.append(message["params"])
        async with self._changed:
            self._changed.notify_all()

    async def _serve(self, message: Json) -> None:
        method, params = message["method"], message["params"]
        try:
            outcome: Json = {"result": await self._result(method, params)}
        except PermissionError:
            outcome = {"error": {"code": -32603, "message": "the user's answer got lost"}}
        except FileNotFoundError:
            outcome = {"error": {"code": -32002, "message": "Resource not found"}}
        except (OSError, KeyError, UnicodeDecodeError) as fault:
            outcome = {"error": {"code": -32603, "message": f"{type(fault).__name__}: {fault}"}}
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):  # this client, or the agent, has left
            await self.send({"id": message["id"], **outcome})

    async def _result(self, method: str, params: Json) -> Any:
        if method == "session/request_permission":
            return await self.permissions.answer(params)
        if method not in self._served:
            raise KeyError(f"{method} is not advertised")
        return await self.desk.serve(method, params)

    async def send(self, message: Mapping[str, Any]) -> None:
        """One message, whatever it is."""
        async with self._sending:
            await self._to_agent.send_all(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def call(self, method: str, params: Json) -> Json:
        """A request and its result. AgentError."""
        return await (await self.ask(method, params))()

    async def ask(self, method: str, params: Json) -> Callable[[], Awaitable[Json]]:
        """Send a request; what waits for its result."""
        self._last_id += 1
        self.asked[self._last_id] = method
        event: trio.Event = trio.Event()
        answer: list[Json] = []
        self._waiting[self._last_id] = (event, answer)
        await self.send({"id": self._last_id, "method": method, "params": params})

        async def result() -> Json:
            await event.wait()
            if "error" in answer[0]:
                raise AgentError(answer[0]["error"])
            found: Json = answer[0]["result"]
            return found

        return result

    async def initialize(self) -> Json:
        """Shake hands."""
        return await self.call("initialize", {"protocolVersion": 1, "clientCapabilities": self.capabilities})

    async def new_session(self, cwd: str, **params: Any) -> str:
        """A session's id. params: as session/new has them, say mcpServers."""
        opened = await self.call("session/new", {"cwd": cwd, "mcpServers": [], **params})
        ident: str = opened["sessionId"]
        return ident

    async def start_prompt(self, session: str, text: str) -> Callable[[], Awaitable[Json]]:
        """Begin a turn; what waits for its end."""
        prompt = [{"type": "text", "text": text}]
        return await self.ask("session/prompt", {"sessionId": session, "prompt": prompt})

    async def prompt(self, session: str, text: str = "go on") -> Json:
        """A whole turn; its result."""
        return await (await self.start_prompt(session, text))()

    async def cancel(self, session: str) -> None:
        """The user's stop button."""
        await self.send({"method": "session/cancel", "params": {"sessionId": session}})

    async def leave(self) -> None:
        """Close the agent's input."""
        await self._to_agent.aclose()

    async def seen(self, wanted: Callable[[Ide], bool]) -> None:
        """Wait until it holds of what was received."""
        async with self._changed:
            while not wanted(self):
                await self._changed.wait()

    def said(self, kind: str = "agent_message_chunk") -> str:
        """All text of one kind of update so far."""
        return "".join(
            update["update"]["content"]["text"] for update in self.updates if update["update"]["sessionUpdate"] == kind
        )

    def tool_call(self, ident: str) -> Json:
        """What the updates about one tool call amount to, as an editor would show it; `statuses` in their order."""
        shown: Json = {"statuses": []}
        for params in self.updates:
            update = params["update"]
            if update.get("toolCallId") == ident:
                shown.update(update)
                shown["statuses"].extend([update["status"]] if "status" in update else [])
        return shown


@asynccontextmanager
async def open_ide(
    command: Sequence[str],
    *,
    cwd: str | None = None,
    environment: Mapping[str, str] | None = None,
    abilities: Collection[str] = ABILITIES,
    flat: bool = False,
    greet: bool = True,
) -> AsyncGenerator[Ide]:
    """An editor with an agent that it started. greet: initialize at once. At the end the agent's input is closed
    and its exit awaited, ten seconds at most.
    """
    async with trio.open_nursery() as nursery:
        process = await trio.lowlevel.open_process(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd, env=environment
        )
        try:
            if process.stdin is None or process.stdout is None:
                raise ValueError("the agent's pipes are needed")
            ide = Ide(process.stdin, process.stdout, nursery, abilities=abilities, flat=flat)
            nursery.start_soon(ide.run)
            if greet:
                await ide.initialize()
            yield ide
            await ide.leave()
            with trio.move_on_after(10):
                await process.wait()
            await ide.desk.close()
        finally:
            if process.returncode is None:
                process.kill()
            nursery.cancel_scope.cancel()
