"""What the agent answers, by method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NotRequired, TypedDict

__all__ = [
    "RESULTS",
    "AgentCapabilities",
    "AgentMode",
    "AgentModes",
    "AuthMethod",
    "ConfigChoice",
    "ConfigOption",
    "Done",
    "Initialized",
    "LlmProvider",
    "LlmProviders",
    "McpTransports",
    "OpenedSession",
    "OptionsState",
    "Picked",
    "PromptAnswer",
    "SessionInfo",
    "SessionPage",
    "StopReason",
    "TokenUsage",
]

StopReason = Literal["end_turn", "max_tokens", "max_turn_requests", "refusal", "cancelled"]
Supported = dict[str, str]
"""A mark that something is there: an object that is always empty."""


class Done(TypedDict):
    """Nothing is to be said."""


class PromptCapabilities(TypedDict):
    """What a prompt may hold beside text and links."""

    image: bool
    audio: bool
    embeddedContext: bool


class McpTransports(TypedDict):
    """How MCP servers may be reached beside stdio."""

    http: bool
    sse: bool


class SessionCapabilities(TypedDict):
    """The methods of sessions that are served, each marked by an empty object."""

    list: NotRequired[Supported]
    resume: NotRequired[Supported]
    close: Supported
    delete: Supported
    fork: Supported
    additionalDirectories: Supported


class AuthCapabilities(TypedDict):
    """What of logins is served."""

    logout: Supported


class AgentCapabilities(TypedDict):
    """What is there. `mcp` is the flat form of mcpCapabilities that older clients read."""

    loadSession: bool
    promptCapabilities: PromptCapabilities
    mcpCapabilities: McpTransports
    mcp: McpTransports
    sessionCapabilities: SessionCapabilities
    auth: AuthCapabilities
    providers: Supported


class AgentInfo(TypedDict):
    """Who answers."""

    name: str
    title: str
    version: str


class AuthMethod(TypedDict):
    """A command that the client may run in a terminal to set us up."""

    id: str
    name: str
    description: str
    type: Literal["terminal"]
    args: list[str]


class Initialized(TypedDict):
    """The answer to the handshake."""

    protocolVersion: int
    agentCapabilities: AgentCapabilities
    agentInfo: AgentInfo
    authMethods: list[AuthMethod]


class AgentMode(TypedDict):
    """One mode that a session can be in."""

    id: str
    name: str
    description: str


class AgentModes(TypedDict):
    """The mode by its older form, in step with the config option."""

    currentModeId: str
    availableModes: list[AgentMode]


class ConfigChoice(TypedDict):
    """One value of a selector."""

    value: str
    name: str
    description: NotRequired[str]


class ConfigOption(TypedDict):
    """One selector; its id is also its category, as the protocol spells that."""

    id: str
    name: str
    category: str
    type: Literal["select"]
    currentValue: str
    options: list[ConfigChoice]


class OptionsState(TypedDict):
    """Every selector of a session, whole."""

    configOptions: list[ConfigOption]


class Picked(OptionsState):
    """What the user has chosen for a session, in both forms."""

    modes: AgentModes


class OpenedSession(Picked):
    """A session that did not exist before."""

    sessionId: str


class SessionInfo(TypedDict):
    """A stored session. updatedAt: ISO 8601, UTC."""

    sessionId: str
    cwd: str
    updatedAt: str
    title: NotRequired[str]
    additionalDirectories: NotRequired[list[str]]


class SessionPage(TypedDict):
    """Stored sessions, the last updated first. nextCursor: where the next page begins."""

    sessions: list[SessionInfo]
    nextCursor: NotRequired[str]


class TokenUsage(TypedDict):
    """The tokens of a turn, all its requests added up."""

    totalTokens: int
    inputTokens: int
    outputTokens: int
    thoughtTokens: NotRequired[int]
    cachedReadTokens: NotRequired[int]


class PromptAnswer(TypedDict):
    """How a turn ended. usage: where a backend said."""

    stopReason: StopReason
    usage: NotRequired[TokenUsage]


class LlmGateway(TypedDict):
    """Where a provider's calls go now."""

    apiType: str
    baseUrl: str


class LlmProvider(TypedDict):
    """A backend, without its secrets. current: unless it is disabled."""

    providerId: str
    supported: list[str]
    required: bool
    current: NotRequired[LlmGateway]


class LlmProviders(TypedDict):
    """The backends, and one that a client may make."""

    providers: list[LlmProvider]


RESULTS: Final[Mapping[str, type]] = {
    "initialize": Initialized,
    "authenticate": Done,
    "logout": Done,
    "session/new": OpenedSession,
    "session/load": Picked,
    "session/resume": Picked,
    "session/fork": OpenedSession,
    "session/list": SessionPage,
    "session/close": Done,
    "session/delete": Done,
    "session/prompt": PromptAnswer,
    "session/set_mode": Done,
    "session/set_model": Done,
    "session/set_config_option": OptionsState,
    "providers/list": LlmProviders,
    "providers/set": Done,
    "providers/disable": Done,
}
"""What each method answers."""
