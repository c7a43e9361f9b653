"""The configuration as a whole: a field for each section. Nothing here reads files or variables."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, get_args

from pydantic import Field

from continuum.config.section import Group, Path, Reload, Section, defaults_of, description
from continuum.config.sections.acp import AcpConfig
from continuum.config.sections.backends import BackendConfig, repeated_names
from continuum.config.sections.logging import Logging
from continuum.config.sections.routing import Routing
from continuum.config.sections.server import Server
from continuum.config.sections.timeouts import Timeouts
from continuum.errors import ConfigProblem


class Config(Group):
    """Configuration of Continuum."""

    server: Server = defaults_of(Server)
    backends: list[BackendConfig] = Field(default=[])
    logging: Logging = defaults_of(Logging)
    timeouts: Timeouts = defaults_of(Timeouts)
    routing: Routing = defaults_of(Routing)
    acp: AcpConfig = defaults_of(AcpConfig)

    @property
    def selection_strategy(self) -> str:
        """Short for `routing.selection_strategy`."""
        return self.routing.selection_strategy

    @selection_strategy.setter
    def selection_strategy(self, name: str) -> None:
        self.routing.selection_strategy = name

    @classmethod
    def cross_faults(cls, given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
        for path, rule in repeated_names(given.get("backends")):
            yield ("backends", *path), rule


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
        many = not isinstance(field.annotation, type)
        model: Any = get_args(field.annotation)[0] if many else field.annotation
        assert issubclass(model, Section), f"{name} must be a Section or a list of one"  # noqa: S101 - our own slip
        yield SectionInfo(name, model, many)


SECTIONS: Mapping[str, SectionInfo] = MappingProxyType({info.name: info for info in _infos()})
"""Every section in the order in which they are always shown, read off Config."""


def warnings(config: Config) -> list[ConfigProblem]:
    """What is legal and probably not meant: names of backends that point nowhere."""
    names = {backend.name for backend in config.backends}
    return [
        ConfigProblem(f"there is no backend {name!r}", f"routing.rules.{rule}.backends.{place}")
        for rule, each in enumerate(config.routing.rules)
        for place, name in enumerate(each.backends)
        if name not in names
    ]
