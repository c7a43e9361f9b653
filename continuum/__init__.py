"""Continuum: one routing core for LLM backends, served over HTTP, as an ACP agent, or inside another program.

Public names are loaded when first used, so importing `continuum.acp` or `continuum.cli` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from continuum.version import VERSION as __version__  # noqa: N811 - the name Python tools look for

if TYPE_CHECKING:
    from continuum.chat import ChatRequest, ChatResponse, Event, Message
    from continuum.config import (
        BackendConfig,
        BackendConfigBuilder,
        BackendType,
        BackendTypeConfig,
        Config,
        ConfigBuilder,
        ConfigManager,
        ConfigStore,
    )
    from continuum.errors import ConfigError, ContinuumError, RouterError
    from continuum.router import ChatStream, ContinuumRouter, RouterBuilder

__all__ = [
    "BackendConfig",
    "BackendConfigBuilder",
    "BackendType",
    "BackendTypeConfig",
    "ChatRequest",
    "ChatResponse",
    "ChatStream",
    "Config",
    "ConfigBuilder",
    "ConfigError",
    "ConfigManager",
    "ConfigStore",
    "ContinuumError",
    "ContinuumRouter",
    "Event",
    "Message",
    "RouterBuilder",
    "RouterError",
    "__version__",
]

_HOMES = {
    "chat": ("ChatRequest", "ChatResponse", "Event", "Message"),
    "config": (
        "BackendConfig",
        "BackendConfigBuilder",
        "BackendType",
        "BackendTypeConfig",
        "Config",
        "ConfigBuilder",
        "ConfigManager",
        "ConfigStore",
    ),
    "errors": ("ConfigError", "ContinuumError", "RouterError"),
    "router": ("ChatStream", "ContinuumRouter", "RouterBuilder"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
