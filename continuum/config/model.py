"""The configuration as a whole: a field for each section. Nothing here reads files or variables."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, get_args, get_origin

from pydantic import Field

from continuum.config.crossing import faults_between
from continuum.config.section import Group, Path, Reload, Section, defaults_of, description
from continuum.config.sections.acp import AcpConfig
from continuum.config.sections.admin import Admin
from continuum.config.sections.api_keys import ApiKeys
from continuum.config.sections.backends import BackendConfig
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
from continuum.config.sections.routing import Routing
from continuum.config.sections.server import Server
from continuum.config.sections.storage import Storage
from continuum.config.sections.timeouts import Timeouts
from continuum.config.sections.tracing import Tracing
from continuum.config.sections.webui import Webui
from continuum.config.types import Word


class Config(Group):
    """Configuration of Continuum."""

    server: Server = defaults_of(Server)
    backends: list[BackendConfig] = Field(default=[])
    logging: Logging = defaults_of(Logging)
    rate_limiting: RateLimiting = defaults_of(RateLimiting)
    circuit_breaker: CircuitBreaker = defaults_of(CircuitBreaker)
    retry: Retry = defaults_of(Retry)
    timeouts: Timeouts = defaults_of(Timeouts)
    health_checks: HealthChecks = defaults_of(HealthChecks)
    global_prompts: GlobalPrompts = defaults_of(GlobalPrompts)
    fallback: Fallback = defaults_of(Fallback)
    files: Files = defaults_of(Files)
    api_keys: ApiKeys = defaults_of(ApiKeys)
    metrics: Metrics = defaults_of(Metrics)
    admin: Admin = defaults_of(Admin)
    routing: Routing = defaults_of(Routing)
    acp: AcpConfig = defaults_of(AcpConfig)
    hot_reload: HotReload = defaults_of(HotReload)
    storage: Storage = defaults_of(Storage)
    cache: Cache = defaults_of(Cache)
    cors: Cors = defaults_of(Cors)
    tracing: Tracing = defaults_of(Tracing)
    webui: Webui = defaults_of(Webui)
    model_metadata_file: Word | None = Field(
        default=None,
        description="YAML file of facts about models: context_window, max_output, pricing per million tokens, "
        "capabilities, aliases.",
    )

    @property
    def selection_strategy(self) -> str:
        """Short for `routing.selection_strategy`."""
        return self.routing.selection_strategy

    @selection_strategy.setter
    def selection_strategy(self, name: str) -> None:
        self.routing.selection_strategy = name

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        return faults_between(given)


@dataclass(frozen=True, slots=True)
class SectionInfo:
    """What there is to know of a section: its class, and whether it is a list of them."""

    name: str
    model: type[Section]
    many: bool

    @property
    def reload(self) -> Reload:
        """What a change of it needs to take effect."""
        return self.model.reload

    @property
    def admin(self) -> bool:
        """Does the admin API show it?"""
        return self.model.admin

    @property
    def description(self) -> str:
        """One line."""
        return description(self.model)


def _infos() -> Iterator[SectionInfo]:
    for name, field in Config.model_fields.items():
        many = get_origin(field.annotation) is list
        model: Any = get_args(field.annotation)[0] if many else field.annotation
        if isinstance(model, type) and issubclass(model, Section):
            yield SectionInfo(name, model, many)


SECTIONS: Mapping[str, SectionInfo] = MappingProxyType({info.name: info for info in _infos()})
"""Every section in the order in which they are always shown, read off Config; single keys are not among them."""
