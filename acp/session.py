"""Sessions: conversations in memory, each with its history, its model and its queue of turns."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from continuum.chat import ChatResponse, Message, Part, Reasoning, Text
from continuum.errors import ConfigError, ConfigProblem

from .inbound import Inbound
from .jsonrpc import INTERNAL_ERROR, RpcError

if TYPE_CHECKING:
    from continuum.config.sections.acp import AcpConfig

    from .host import Host

__all__ = ["Session", "SessionTable", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the configuration says about sessions. eof_grace: seconds."""

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
    """One conversation. Its prompts are queued as they are received; the first of them is the turn that runs."""

    id: str
    cwd: str
    host: Host
    settings: Settings
    chosen_model: str | None = None
    history: list[Message] = field(default_factory=list[Message])
    prompts: list[Inbound] = field(default_factory=list[Inbound])
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
        self._moved.unpark_all()

    def cancel(self) -> None:
        """End every prompt received so far; those still to come are not touched."""
        for prompt in self.prompts:
            prompt.scope.cancel()

    def remember(self, prompt: Message, response: ChatResponse) -> None:
        """Keep what was shown. A turn that showed nothing, or was refused, leaves no trace (ACP: refusal)."""
        answer = response.choices[0] if response.choices else None
        if answer is None or answer.finish_reason == "content_filter":
            return
        shown: list[Part] = []
        for part in answer.parts:
            if part.kind in ("text", "refusal") and part.text:
                shown.append(Text(part.text))
            elif part.kind == "reasoning" and answer.finish_reason:  # a thought cut short has no signature
                shown.append(Reasoning(part.text, part.vendor))
        if any(isinstance(part, Text) for part in shown):
            self.history += [prompt, Message("assistant", shown)]


class SessionTable:
    """The open sessions of one connection, the least recently used first."""

    def __init__(self, host: Host, settings: Settings) -> None:
        self._host = host
        self._settings = settings
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def open(self, cwd: str) -> Session:
        """A new session; at the limit it takes the place of the one idle for longest. RpcError: none is idle."""
        if len(self._sessions) >= self._settings.max_concurrent:
            idle = next((session for session in self._sessions.values() if not session.prompts), None)
            if idle is None:
                raise RpcError(
                    INTERNAL_ERROR, f"All {len(self._sessions)} sessions are busy (acp.sessions.max_concurrent)"
                )
            del self._sessions[idle.id]
        session = Session(f"sess_{secrets.token_hex(16)}", cwd, self._host, self._settings)
        self._sessions[session.id] = session
        return session

    def find(self, ident: str) -> Session | None:
        """The open session of that id, which now counts as used."""
        session = self._sessions.get(ident)
        if session is not None:
            self._sessions.move_to_end(ident)
        return session
