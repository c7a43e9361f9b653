"""What can be configured, where it is written, and how it is read.

Names are loaded when first used: finding the file (continuum.config.files) must cost neither pydantic nor yaml.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from continuum.config.builder import (
        BackendConfigBuilder,
        BackendType,
        BackendTypeConfig,
        ConfigBuilder,
        ConfigError,
    )
    from continuum.config.hints import warnings
    from continuum.config.keys import client_keys
    from continuum.config.loading import from_mapping, load
    from continuum.config.model import SECTIONS, Config, SectionInfo
    from continuum.config.opening import open_file, open_memory, store_of
    from continuum.config.reference import markdown
    from continuum.config.schema import json_schema
    from continuum.config.secret import Secret
    from continuum.config.section import Group, Reload, Section
    from continuum.config.sections.acp import AcpConfig
    from continuum.config.sections.admin import Admin
    from continuum.config.sections.api_keys import ApiKey, ApiKeys
    from continuum.config.sections.backends import BackendConfig, ModelEntry
    from continuum.config.sections.cache import Cache
    from continuum.config.sections.circuit_breaker import CircuitBreaker
    from continuum.config.sections.cors import Cors
    from continuum.config.sections.fallback import Fallback
    from continuum.config.sections.files import Files
    from continuum.config.sections.global_prompts import GlobalPrompts
    from continuum.config.sections.health_checks import HealthChecks
    from continuum.config.sections.hot_reload import HotReload
    from continuum.config.sections.logging import Logging
    from continuum.config.sections.metrics import Metrics
    from continuum.config.sections.rate_limiting import RateLimiting
    from continuum.config.sections.retry import Retry
    from continuum.config.sections.routing import Routing, Rule
    from continuum.config.sections.server import Server
    from continuum.config.sections.storage import Storage
    from continuum.config.sections.timeouts import Timeouts
    from continuum.config.sections.tracing import Tracing
    from continuum.config.sections.webui import Webui
    from continuum.config.store import Candidate, Committed, ConfigManager, ConfigStore
    from continuum.config.version import Version
    from continuum.config.view import masked

__all__ = [
    "SECTIONS",
    "AcpConfig",
    "Admin",
    "ApiKey",
    "ApiKeys",
    "BackendConfig",
    "BackendConfigBuilder",
    "BackendType",
    "BackendTypeConfig",
    "Cache",
    "Candidate",
    "CircuitBreaker",
    "Committed",
    "Config",
    "ConfigBuilder",
    "ConfigError",
    "ConfigManager",
    "ConfigStore",
    "Cors",
    "Fallback",
    "Files",
    "GlobalPrompts",
    "Group",
    "HealthChecks",
    "HotReload",
    "Logging",
    "Metrics",
    "ModelEntry",
    "RateLimiting",
    "Reload",
    "Retry",
    "Routing",
    "Rule",
    "Secret",
    "Section",
    "SectionInfo",
    "Server",
    "Storage",
    "Timeouts",
    "Tracing",
    "Version",
    "Webui",
    "client_keys",
    "from_mapping",
    "json_schema",
    "load",
    "markdown",
    "masked",
    "open_file",
    "open_memory",
    "store_of",
    "warnings",
]

_HOMES = {
    "builder": ("BackendConfigBuilder", "BackendType", "BackendTypeConfig", "ConfigBuilder", "ConfigError"),
    "hints": ("warnings",),
    "keys": ("client_keys",),
    "loading": ("from_mapping", "load"),
    "model": ("SECTIONS", "Config", "SectionInfo"),
    "opening": ("open_file", "open_memory", "store_of"),
    "reference": ("markdown",),
    "schema": ("json_schema",),
    "section": ("Group", "Reload", "Section"),
    "secret": ("Secret",),
    "sections.acp": ("AcpConfig",),
    "sections.admin": ("Admin",),
    "sections.api_keys": ("ApiKey", "ApiKeys"),
    "sections.backends": ("BackendConfig", "ModelEntry"),
    "sections.cache": ("Cache",),
    "sections.circuit_breaker": ("CircuitBreaker",),
    "sections.cors": ("Cors",),
    "sections.fallback": ("Fallback",),
    "sections.files": ("Files",),
    "sections.global_prompts": ("GlobalPrompts",),
    "sections.health_checks": ("HealthChecks",),
    "sections.hot_reload": ("HotReload",),
    "sections.logging": ("Logging",),
    "sections.metrics": ("Metrics",),
    "sections.rate_limiting": ("RateLimiting",),
    "sections.retry": ("Retry",),
    "sections.routing": ("Routing", "Rule"),
    "sections.server": ("Server",),
    "sections.storage": ("Storage",),
    "sections.timeouts": ("Timeouts",),
    "sections.tracing": ("Tracing",),
    "sections.webui": ("Webui",),
    "store": ("Candidate", "Committed", "ConfigManager", "ConfigStore"),
    "version": ("Version",),
    "view": ("masked",),
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
