"""The MCP servers of a session: which there are, what became of each, the tools they bring. Imports no MCP."""

from __future__ import annotations

import importlib.util
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import trio

from continuum.dialects.raw import is_list

from .jsonrpc import JsonObject, is_object
from .lazy import load_target
from .tools.base import Action, Output, Progress, ToolFault

if TYPE_CHECKING:
    from continuum.config.sections.acp import McpServer

__all__ = ["RemoteTool", "Server", "ServerFault", "Servers", "Spec", "specs_of"]

_log: Final = logging.getLogger("continuum.acp")

_ODD: Final = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME: Final = 64  # what the strictest vendors take as a tool's name
_MISSING: Final = "MCP servers are left out: install them with `pip install 'continuum-router[mcp]'`"
_SWITCHED_OFF: Final = "MCP servers are left out: acp.capabilities.mcp is false"


class ServerFault(Exception):
    """Why a server is of no use, in words."""


class Spec(NamedTuple):
    """How a server is reached."""

    name: str
    kind: Literal["stdio", "http", "sse"]
    command: str = ""
    args: Sequence[str] = ()
    environment: Mapping[str, str] = {}
    url: str = ""
    headers: Mapping[str, str] = {}


class RemoteTool(NamedTuple):
    """One tool as its server describes it."""

    name: str
    description: str
    parameters: JsonObject


Call = Callable[[str, JsonObject], Awaitable[Output]]


@dataclass(eq=False)
class Server:
    """One server. settled: it is up, or it is known that it will not be. over: it is to end, or has failed."""

    spec: Spec
    tools: list[RemoteTool] = field(default_factory=list[RemoteTool])
    settled: trio.Event = field(default_factory=trio.Event)
    over: trio.Event = field(default_factory=trio.Event)
    reason: str = ""
    _call: Call | None = None

    def up(self, tools: list[RemoteTool], call: Call) -> None:
        """It is there and offers these."""
        self.tools, self._call = tools, call
        self.settled.set()

    def down(self) -> None:
        """It takes no more calls."""
        self.tools, self._call = [], None

    def fail(self, reason: str) -> None:
        """It is disabled; the first reason is the one that is told."""
        if not self.over.is_set():
            self.reason = reason
        self.down()
        self.over.set()
        self.settled.set()

    async def call(self, tool: str, arguments: JsonObject, limit_s: float) -> Output:
        """Call one of its tools. ToolFault: it refused, failed meanwhile, or took too long."""
        call = self._call
        if call is None:
            raise ToolFault(f"The server {self.spec.name} is not there any more: {self.reason or 'it was ended'}")
        outcome: list[Output] = []
        fault: list[ToolFault] = []

        async def ask() -> None:
            try:
                outcome.append(await call(tool, arguments))
            except ToolFault as refusal:
                fault.append(refusal)
            nursery.cancel_scope.cancel()

        with trio.move_on_after(limit_s) as limit:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                await self.over.wait()
                nursery.cancel_scope.cancel()
        if outcome:
            return outcome[0]
        if limit.cancelled_caught:
            raise ToolFault(f"The server did not answer within {limit_s:g} s")
        if self.over.is_set():
            raise ToolFault(f"The server {self.spec.name} failed: {self.reason or 'it was ended'}")
        raise fault[0]


class Servers:
    """All of one session's. Started once, however often the session is loaded; ended with it."""

    def __init__(self, specs: Sequence[Spec], cwd: str, *, allowed: bool = True) -> None:
        self._cwd = cwd
        self._started = False
        self._news: list[str] = []
        self._servers = [Server(spec) for spec in specs]
        if specs and not allowed:
            self._leave_out(_SWITCHED_OFF)
        elif specs and importlib.util.find_spec("mcp") is None:
            self._leave_out(_MISSING)

    def _leave_out(self, why: str) -> None:
        self._servers = []
        self._news = [why]

    def start(self, nursery: trio.Nursery, ended: trio.Event) -> None:
        """Start each in `nursery`, until `ended`."""
        if self._started or not self._servers:
            return
        self._started = True
        nursery.start_soon(self._run, ended)

    async def _run(self, ended: trio.Event) -> None:
        async with trio.open_nursery() as nursery:
            servers = list(self._servers)
            for server in servers:
                nursery.start_soon(self._attend, server)
            await ended.wait()
            for server in servers:
                server.over.set()

    async def _attend(self, server: Server) -> None:
        try:
            attend = await trio.to_thread.run_sync(load_target, "continuum.acp.mcp.link:attend", abandon_on_cancel=True)
            await attend(server, self._cwd)
        # A foreign transport's outermost frame: the session lives. Cancelled may come in a group with it, and goes on.
        except* Exception as faults:  # noqa: BLE001 (as said)
            reason = _reason(faults)
            _log.debug("MCP server %s: %s", server.spec.name, reason)
            server.fail(reason)

    async def ready(self) -> None:
        """Wait until each is up or disabled; each has its own deadline."""
        for server in self._servers:
            if self._started:
                await server.settled.wait()

    def news(self) -> list[str]:
        """What happened to servers since this was last asked, in words for the user."""
        failed = [server for server in self._servers if server.reason]
        self._servers = [server for server in self._servers if server not in failed]
        news = [f"The MCP server {server.spec.name} is disabled: {server.reason}" for server in failed]
        news, self._news = [*self._news, *news], []
        return news

    def tools(self) -> Iterator[tuple[str, Server, RemoteTool]]:
        """Every tool under the name that models know it by."""
        taken: set[str] = set()
        for server in self._servers:
            for tool in server.tools:
                name = _ODD.sub("_", f"{server.spec.name}__{tool.name}")[:_LONGEST_NAME]
                if name not in taken:
                    taken.add(name)
                    yield name, server, tool

    def prepare(self, name: str, arguments: JsonObject, limit_s: float) -> Action | None:
        """The action of a call; None when no server has such a tool."""
        for known, server, tool in self.tools():
            if known == name:
                return _action(name, server, tool, arguments, limit_s)
        return None


def _action(name: str, server: Server, tool: RemoteTool, arguments: JsonObject, limit_s: float) -> Action:
    async def run(_: Progress) -> Output:
        return await server.call(tool.name, arguments, limit_s)

    title = f"{server.spec.name}: {tool.name}"
    exactly = json.dumps(arguments, sort_keys=True)
    return Action(title, run, grant=f"mcp {name} {exactly}", grant_title=f"{title} with exactly these arguments")


def _reason(faults: ExceptionGroup[Exception]) -> str:
    """The first fault of all: the others follow from it."""
    first: BaseException = faults
    while isinstance(first, BaseExceptionGroup):
        members: tuple[BaseException, ...] = first.exceptions  # pyright: ignore[reportUnknownMemberType] (of any kind)
        first = members[0]
    return str(first) if isinstance(first, ServerFault) else f"it cannot be used ({type(first).__name__})"


def specs_of(configured: Sequence[McpServer], given: Sequence[JsonObject]) -> list[Spec]:
    """The configuration's servers and the client's; the client's own win over one of the same name."""
    specs = {server.name: _configured(server) for server in configured}
    for server in given:
        spec = _given(server)
        if spec is not None:
            specs[spec.name] = spec
    return list(specs.values())


def _configured(server: McpServer) -> Spec:
    return Spec(
        server.name,
        server.type,
        command=server.command or "",
        args=server.args,
        environment={name: value.reveal() for name, value in server.env.items()},
        url=server.url or "",
        headers={name: value.reveal() for name, value in server.headers.items()},
    )


def _given(server: JsonObject) -> Spec | None:
    name, kind = server.get("name"), server.get("type", "stdio")
    command, url = server.get("command"), server.get("url")
    if not isinstance(name, str) or not name:
        return None
    if kind in ("http", "sse") and isinstance(url, str):
        return Spec(name, kind, url=url, headers=_pairs(server.get("headers")))
    if kind == "stdio" and isinstance(command, str):
        args = server.get("args")
        listed = [str(arg) for arg in args] if is_list(args) else []
        return Spec(name, kind, command=command, args=listed, environment=_pairs(server.get("env")))
    return None


def _pairs(listed: object) -> dict[str, str]:
    """ACP writes maps as lists of name and value; some clients write maps all the same."""
    if is_object(listed):
        return {name: str(value) for name, value in listed.items()}
    pairs = listed if is_list(listed) else []
    return {str(pair["name"]): str(pair.get("value", "")) for pair in pairs if is_object(pair) and "name" in pair}
