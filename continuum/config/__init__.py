"""What can be configured, where it is written, and how it is read.

Names are loaded when first used: finding the file (continuum.config.files) must cost neither pydantic nor yaml.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from continuum.config.loading import from_mapping, load
    from continuum.config.model import SECTIONS, Config, SectionInfo, warnings
    from continuum.config.schema import json_schema
    from continuum.config.section import Group, Reload, Section
    from continuum.config.sections.acp import AcpConfig
    from continuum.config.sections.backends import BackendConfig, ModelEntry
    from continuum.config.sections.logging import Logging
    from continuum.config.sections.routing import Routing
    from continuum.config.sections.server import Server
    from continuum.config.sections.timeouts import Timeouts
    from continuum.config.types import Secret
    from continuum.config.view import masked

__all__ = [
    "SECTIONS",
    "AcpConfig",
    "BackendConfig",
    "Config",
    "Group",
    "Logging",
    "ModelEntry",
    "Reload",
    "Routing",
    "Secret",
    "Section",
    "SectionInfo",
    "Server",
    "Timeouts",
    "from_mapping",
    "json_schema",
    "load",
    "masked",
    "warnings",
]

_HOMES = {
    "loading": ("from_mapping", "load"),
    "model": ("SECTIONS", "Config", "SectionInfo", "warnings"),
    "schema": ("json_schema",),
    "section": ("Group", "Reload", "Section"),
    "sections.acp": ("AcpConfig",),
    "sections.backends": ("BackendConfig", "ModelEntry"),
    "sections.logging": ("Logging",),
    "sections.routing": ("Routing",),
    "sections.server": ("Server",),
    "sections.timeouts": ("Timeouts",),
    "types": ("Secret",),
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
