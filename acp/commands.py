"""The slash commands: one row and one function each. A prompt that begins with an unknown one is for the model."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from continuum.chat import Message, Text

from . import archive, status
from .compact import compact
from .config_options import MODE, MODEL, config_options, set_config_option, tell_choices
from .jsonrpc import RpcError

if TYPE_CHECKING:
    from .client import Client
    from .sent.updates import AvailableCommand, AvailableCommands
    from .session import Session

__all__ = ["COMMANDS", "Command", "Said", "available_commands", "command_of"]


class Said(NamedTuple):
    """What a command answers. turn: what it makes of the history, where it does."""

    text: str
    turn: archive.Turn | None = None


Run = Callable[["Session", "Client", str], Awaitable[Said]]


class Command(NamedTuple):
    """One row. hint: what may stand behind the name, None where nothing does."""

    name: str
    description: str
    hint: str | None
    run: Run


async def _help(session: Session, client: Client, argument: str) -> Said:
    del session, client, argument
    rows = [f"- `/{row.name}{f' {row.hint}' if row.hint else ''}` {row.description}" for row in COMMANDS]
    return Said("\n".join(["Commands:", *rows]))


async def _model(session: Session, client: Client, argument: str) -> Said:
    return await _choose(session, client, MODEL, argument)


async def _mode(session: Session, client: Client, argument: str) -> Said:
    return await _choose(session, client, MODE, argument)


async def _choose(session: Session, client: Client, option: str, value: str) -> Said:
    """Without a value what there is, the current one marked; with one, that from now on."""
    state = next((each for each in config_options(session) if each["id"] == option), None)
    if state is None:
        return Said("No backend offers a model.")
    if value:
        try:
            set_config_option(session, option, value)
        except RpcError:
            return Said(f"There is no {option} `{value[:256]}`. `/{option}` lists what there is.")
        await tell_choices(client, session, mode=option == MODE)
        return Said(f"{state['name']}: `{value}`")
    current = state["currentValue"]
    rows = [f"- `{each['value']}`{' (current)' if each['value'] == current else ''}" for each in state["options"]]
    return Said("\n".join([f"`/{option} NAME` chooses one of:", *rows]))


async def _backends(session: Session, client: Client, argument: str) -> Said:
    del client, argument
    return Said(status.backends(session.host))


async def _status(session: Session, client: Client, argument: str) -> Said:
    del client, argument
    return Said(status.status(session))


async def _compact(session: Session, client: Client, argument: str) -> Said:
    del client
    summary = await compact(session, argument)
    if summary is None:
        return Said("There is nothing to compact yet.")
    return Said("The conversation so far is now a summary:\n\n" + summary.text, summary.turn)


COMMANDS: Final = (
    Command("model", "shows the models, or chooses one", "[name]", _model),
    Command("mode", "shows the modes, or chooses one", "[name]", _mode),
    Command("backends", "shows the backends and how they are", None, _backends),
    Command("status", "shows this session: model, mode, context, instructions", None, _status),
    Command("compact", "replaces the history by a summary of it", "[what matters]", _compact),
    Command("help", "shows the commands", None, _help),
)
_BY_NAME: Final = {command.name: command for command in COMMANDS}
_COMMAND: Final = re.compile(r"\s*/([a-z_]+)(?:\s+(.*))?", re.DOTALL)


def command_of(prompt: Message) -> tuple[Command, str] | None:
    """The command that a prompt is, and its argument; None for a prompt that is none."""
    first = prompt.parts[0] if prompt.parts else None
    found = _COMMAND.fullmatch(first.text) if isinstance(first, Text) else None
    command = _BY_NAME.get(found[1]) if found else None
    return (command, (found[2] or "").strip()) if found and command else None


def available_commands() -> AvailableCommands:
    """The update that tells a client which commands there are."""
    return {"sessionUpdate": "available_commands_update", "availableCommands": [_shown(row) for row in COMMANDS]}


def _shown(command: Command) -> AvailableCommand:
    shown: AvailableCommand = {"name": command.name, "description": command.description}
    if command.hint:
        shown["input"] = {"hint": command.hint}
    return shown
