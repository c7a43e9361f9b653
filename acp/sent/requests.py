"""What the agent asks its client for: permission, files, terminals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, Literal, NamedTuple, TypedDict, TypeVar

from .updates import ToolCall

__all__ = [
    "CREATE_TERMINAL",
    "KILL_TERMINAL",
    "READ_FILE",
    "RELEASE_TERMINAL",
    "REQUESTS",
    "REQUEST_PERMISSION",
    "TERMINAL_OUTPUT",
    "WAIT_FOR_EXIT",
    "WRITE_FILE",
    "Ask",
    "CreateTerminal",
    "OfTerminal",
    "OptionKind",
    "PermissionOption",
    "PermissionRequest",
    "ReadFile",
    "Variable",
    "WriteFile",
]

P = TypeVar("P", bound=Mapping[str, object])
OptionKind = Literal["allow_once", "allow_always", "reject_once", "reject_always"]


class Ask(NamedTuple, Generic[P]):
    """A request of ours: its method, and the shape of its params."""

    method: str
    params: type[P]


class PermissionOption(TypedDict):
    """One button."""

    optionId: str
    kind: OptionKind
    name: str


class PermissionRequest(TypedDict):
    """Whether a tool call may run."""

    sessionId: str
    toolCall: ToolCall
    options: list[PermissionOption]


class ReadFile(TypedDict):
    """A file's text, unsaved changes included. path: absolute."""

    sessionId: str
    path: str


class WriteFile(ReadFile):
    """A file's new text."""

    content: str


class Variable(TypedDict):
    """One variable of an environment."""

    name: str
    value: str


class CreateTerminal(TypedDict):
    """A command in a terminal of the client's. outputByteLimit: what is kept of its output."""

    sessionId: str
    command: str
    args: list[str]
    env: list[Variable]
    cwd: str
    outputByteLimit: int


class OfTerminal(TypedDict):
    """A terminal that was created."""

    sessionId: str
    terminalId: str


REQUEST_PERMISSION: Final = Ask("session/request_permission", PermissionRequest)
READ_FILE: Final = Ask("fs/read_text_file", ReadFile)
WRITE_FILE: Final = Ask("fs/write_text_file", WriteFile)
CREATE_TERMINAL: Final = Ask("terminal/create", CreateTerminal)
TERMINAL_OUTPUT: Final = Ask("terminal/output", OfTerminal)
WAIT_FOR_EXIT: Final = Ask("terminal/wait_for_exit", OfTerminal)
KILL_TERMINAL: Final = Ask("terminal/kill", OfTerminal)
RELEASE_TERMINAL: Final = Ask("terminal/release", OfTerminal)

REQUESTS: Final[Mapping[str, type]] = {
    ask.method: ask.params
    for ask in (
        REQUEST_PERMISSION,
        READ_FILE,
        WRITE_FILE,
        CREATE_TERMINAL,
        TERMINAL_OUTPUT,
        WAIT_FOR_EXIT,
        KILL_TERMINAL,
        RELEASE_TERMINAL,
    )
}
"""The params of each request."""
