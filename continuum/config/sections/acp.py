"""The section `acp`: the agent that editors start over stdio."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from continuum.config.quantity import Delay, Duration, seconds
from continuum.config.secret import Secret
from continuum.config.section import Group, Path, Reload, Section, defaults_of
from continuum.config.types import Word

ToolKind = Literal["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"]
"""Kinds of tool calls, as the protocol names them."""


class Stdio(Group):
    """JSON-RPC over standard input and output."""

    enabled: bool = Field(default=True, description="Whether stdio mode may be started.")


class Transport(Group):
    """How clients reach the agent."""

    stdio: Stdio = defaults_of(Stdio)


class Capabilities(Group):
    """What the agent tells a client it can do."""

    load_session: bool = Field(default=True, description="List, load and resume earlier sessions.")
    mcp: bool = Field(default=True, description="Connect to MCP servers.")


class Permissions(Group):
    """Which tool calls ask the user first."""

    default_policy: Literal["ask_always", "allow", "deny"] = Field(
        default="ask_always", description="What happens to tool calls of a kind that neither list names."
    )
    auto_allow: list[ToolKind] = Field(default=["read", "search", "think"], description="Kinds that run unasked.")
    always_ask: list[ToolKind] = Field(
        default=["edit", "delete", "execute"], description="Kinds that always ask; wins over auto_allow."
    )


class Sessions(Group):
    """Conversations and where they are kept."""

    max_concurrent: int = Field(default=10, ge=1, description="Sessions open at once.")
    idle_timeout: Duration = Field(
        default=seconds("1h"), description="A session unused for this long leaves memory; in seconds or with a unit."
    )
    storage: Literal["sqlite", "memory", "redis"] = Field(default="sqlite", description="Where sessions are kept.")


class Tools(Group):
    """Tools that models may call."""

    enabled: list[ToolKind] = Field(
        default=["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"],
        description="Kinds of tools that are offered.",
    )
    command_timeout: Duration = Field(
        default=seconds("10m"), description="Longest run of one command, in seconds or with a unit."
    )
    fetch_local: bool = Field(
        default=False, description="Whether fetching may reach this machine, link-local addresses and metadata."
    )


class McpServer(Group):
    """An MCP server that every session is connected to."""

    name: Word = Field(description="Unique name; its tools appear as NAME__TOOL.")
    type: Literal["stdio", "http", "sse"] = Field(default="stdio", description="How it is reached.")
    command: Word | None = Field(default=None, description="stdio: the program to start.")
    args: list[str] = Field(default=[], description="stdio: its arguments.")
    env: dict[Word, Secret] = Field(default={}, description="stdio: its extra environment; shown masked.")
    url: Word | None = Field(default=None, description="http and sse: where it is.")
    headers: dict[Word, Secret] = Field(default={}, description="http and sse: extra headers; shown masked.")

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        kind = given.get("type", "stdio")
        needed, other = ("command", "url") if kind == "stdio" else ("url", "command")
        if given.get(needed) is None:
            yield (needed,), f"is required for a server of type {kind}"
        if given.get(other) is not None:
            yield (other,), f"means nothing for a server of type {kind}"


class AcpConfig(Section, reload=Reload.REQUIRES_RESTART, admin=False):
    """The agent that editors start in stdio mode."""

    enabled: bool = Field(default=True, description="Whether the agent may be started.")
    transport: Transport = defaults_of(Transport)
    capabilities: Capabilities = defaults_of(Capabilities)
    default_model: Word | None = Field(
        default=None, description="The model of a new session; absent: routing.default_model, else the first there is."
    )
    permissions: Permissions = defaults_of(Permissions)
    sessions: Sessions = defaults_of(Sessions)
    tools: Tools = defaults_of(Tools)
    eof_grace: Delay = Field(
        default=seconds("3s"),
        description="Time running turns get after the client has gone, in seconds or with a unit.",
    )
    mcp_servers: list[McpServer] = Field(default=[], description="MCP servers that every session is connected to.")
    max_turn_requests: int = Field(default=50, ge=1, description="Model requests within one turn.")
    system_prompt: str | None = Field(default=None, description="Text put before every session's messages.")
    system_prompt_file: Word | None = Field(default=None, description="File with that text; wins over system_prompt.")
