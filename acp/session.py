"""One conversation in memory: its history, what the user chose, its queue of turns. sessions.py has the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from continuum.chat import Message
from continuum.errors import ConfigError, ConfigProblem
from continuum.storage.sessions import Sessions as SessionStore

from .inbound import Inbound
from .journal import Journal
from .jsonrpc import JsonObject
from .permissions import Mode

if TYPE_CHECKING:
    from continuum.config.sections.acp import AcpConfig, McpServer, Permissions, Tools

    from .host import Host
    from .workbench import Workbench

__all__ = ["Mode", "Session", "SessionStore", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the configuration says about sessions. eof_grace: seconds."""

    permissions: Permissions
    tools: Tools
    mcp_servers: Sequence[McpServer]
    max_turn_requests: int
    mcp: bool = True
    load_session: bool = True
    max_concurrent: int = 10
    default_model: str | None = None
    system_prompt: str | None = None
    eof_grace: float = 3.0

    @classmethod
    def of(cls, section: AcpConfig) -> Settings:
        """Read from the `acp` section and the file it may name. ConfigError: no file, or no agent wanted."""
        for key, enabled in (
            ("acp.enabled", section.enabled),
            ("acp.transport.stdio.enabled", section.transport.stdio.enabled),
        ):
            if not enabled:
                raise ConfigError([ConfigProblem("is false: stdio mode is switched off", key)])
        return cls(
            permissions=section.permissions,
            tools=section.tools,
            mcp_servers=section.mcp_servers,
            max_turn_requests=section.max_turn_requests,
            mcp=section.capabilities.mcp,
            load_session=section.capabilities.load_session,
            max_concurrent=section.sessions.max_concurrent,
            default_model=section.default_model,
            system_prompt=_system_prompt(section),
            eof_grace=section.eof_grace,
        )


def _system_prompt(section: AcpConfig) -> str | None:
    if section.system_prompt_file is None:
        return section.system_prompt
    try:
        return Path(section.system_prompt_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError([ConfigProblem(f"cannot be read: {reason}", "acp.system_prompt_file")]) from error


@dataclass(eq=False, slots=True)
class Session:
    """One conversation. Its prompts are queued as they are received; the first of them is the turn that runs.

    mcp_servers: as the client's params list them. thought_level: "" is the model's own. ended: set when nobody can
    use the session any more; what was started for it in `nursery` ends then. asleep: the history is in the store
    only; nobody asks for a turn before it is here. cost: US dollars so far, None once a request's is not known.
    """

    id: str
    cwd: str
    host: Host
    settings: Settings
    nursery: trio.Nursery
    additional_directories: Sequence[str] = ()
    mcp_servers: Sequence[JsonObject] = ()
    mode: Mode = "ask"
    chosen_model: str | None = None
    thought_level: str = ""
    title: str | None = None
    cost: float | None = 0.0
    asleep: bool = False
    ended: trio.Event = field(default_factory=trio.Event)
    workbench: Workbench | None = None
    history: list[Message] = field(default_factory=list[Message])
    journal: Journal = field(default_factory=Journal)
    prompts: list[Inbound] = field(default_factory=list[Inbound])
    used_at: float = field(default_factory=trio.current_time)
    _moved: trio.lowlevel.ParkingLot = field(default_factory=trio.lowlevel.ParkingLot)

    @property
    def model(self) -> str | None:
        """The model that the next turn asks: the user's choice, acp.default_model, else the instance's default."""
        return self.chosen_model or self.settings.default_model or self.host.default_model()

    async def wait_turn(self, prompt: Inbound) -> None:
        """Wait until all prompts that came before this one have left."""
        await trio.lowlevel.checkpoint()  # a prompt that was cancelled while it was queued asks nobody
        while self.prompts[0] is not prompt:
            await self._moved.park()

    def leave(self, prompt: Inbound) -> None:
        """This prompt is answered; the next may run."""
        self.prompts.remove(prompt)
        self.used_at = trio.current_time()
        self._moved.unpark_all()

    def cancel(self) -> None:
        """End every prompt received so far; those still to come are not touched."""
        for prompt in self.prompts:
            prompt.scope.cancel()

    def end(self) -> None:
        """The session is over: its prompts are cancelled, what serves it alone stops."""
        self.cancel()
        self.ended.set()

    def spend(self, cost: float | None) -> None:
        """A request to the model cost so much."""
        self.cost = None if cost is None or self.cost is None else self.cost + cost

    def remember(self, turn: Sequence[Message]) -> None:
        """Keep one turn's messages: the prompt, and what was shown and done (transcript.py)."""
        self.history += turn
