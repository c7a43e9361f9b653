"""What a change of the configuration would be: judged whole, compared with what is in force; nothing is done here."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from continuum.config.codec import Document
from continuum.config.expansion import Reference
from continuum.config.hints import warnings as hints
from continuum.config.loading import build
from continuum.config.model import SECTIONS, Config
from continuum.config.overlay import Overlay
from continuum.config.plain import is_list, is_mapping
from continuum.config.section import Path, Reload
from continuum.config.version import Version
from continuum.config.view import ADMIN_SECTIONS
from continuum.errors import ConfigError, ConfigProblem

RESTART_ONLY = tuple(name for name, info in SECTIONS.items() if info.reload is Reload.REQUIRES_RESTART)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration that may be committed.

    stored: its fifteen sections in stored form. config: they alone, validated. in_force: with what is laid over them
    (the same object where nothing is). sections_changed: what differs from the current version; empty: nothing to do.
    warnings: of the sections judged, each with its key in full (`server.workers`). pending: keys among these that
    wait for a restart.
    """

    stored: Mapping[str, Any]
    config: Config
    in_force: Config
    sections_changed: tuple[str, ...]
    warnings: tuple[ConfigProblem, ...]
    pending: tuple[str, ...]


class Judge:
    """Judges by what does not change while a process runs: its environment, what is laid over, what it started with.

    root: the keys beside the fifteen sections, in stored form. overlay: what is laid over all.
    """

    def __init__(self, environ: Mapping[str, str], overlay: Overlay, root: Mapping[str, Any]) -> None:
        self._environ = environ
        self.overlay = overlay
        self.root = root
        self.started_with: Config | None = None
        """The sections that the process began with, nothing laid over."""

    def alone(self, stored: Mapping[str, Any], document: Document | None = None) -> Config:
        """Fifteen sections, validated as they are kept. Where they are not valid without what is laid over them, with
        it. Raises ConfigError.
        """
        if not self.overlay:
            return self._built(stored, None, document)
        try:
            return self._built(stored, None, document)
        except ConfigError:
            return self._built(stored, self.overlay, document)

    def in_force(self, stored: Mapping[str, Any], document: Document | None = None) -> Config:
        """The same with what is laid over them. Raises ConfigError."""
        return self._built(stored, self.overlay, document)

    def judge(self, current: Version, changes: Mapping[str, Any], document: Document | None = None) -> Candidate:
        """What replacing these sections would make of the current version. Raises ConfigError with every fault."""
        stored = {**current.stored, **changes}
        config = self.alone(stored, document)
        in_force = self.in_force(stored, document) if self.overlay else config
        before = still_valid(current)
        changed = tuple(
            name
            for name in ADMIN_SECTIONS
            if name in changes and _differs(name, (current.stored, before), (stored, config))
        )
        pending = tuple(self._pending(config, changes))
        told = [ConfigProblem(f"Changing {key.partition('.')[2]} requires server restart", key) for key in pending]
        told += self._held(before, config, changes)
        told += (each for each in hints(config) if each.key.partition(".")[0] in changes)
        return Candidate(stored, config, in_force, changed, tuple(told), pending)

    def _built(self, stored: Mapping[str, Any], overlay: Overlay | None, document: Document | None) -> Config:
        written = {name: section for name, section in stored.items() if section}
        return build({**self.root, **written}, self._environ, overlay=overlay, document=document)

    def _pending(self, config: Config, names: Iterable[str]) -> Iterator[str]:
        """Keys of these sections that differ from what the process runs with, and take effect with the next start."""
        if self.started_with is None:
            return
        for name in RESTART_ONLY:
            if name in names:
                now, then = getattr(config, name), getattr(self.started_with, name)
                yield from (
                    f"{name}.{key}"
                    for key in SECTIONS[name].model.model_fields
                    if _at(now, (key,)) != _at(then, (key,))
                )

    def _held(self, before: Config | None, config: Config, names: Iterable[str]) -> Iterator[ConfigProblem]:
        for path, origin in self.overlay.origins.items():
            if str(path[0]) in names and _at(config, path) != _at(before, path):
                rule = f"is held by {origin}: what is stored takes effect without it"
                yield ConfigProblem(rule, ".".join(map(str, path)))


def still_valid(version: Version) -> Config | None:
    """A version's configuration; None where it is not valid any more: a variable is gone, or a file."""
    try:
        return version.config
    except ConfigError:
        return None


_Side = tuple[Mapping[str, Any], Config | None]
"""Sections in stored form, and the configuration they make."""


def _differs(name: str, before: _Side, after: _Side) -> bool:
    """Whether a section means, or shows, anything else: also the same value from another place."""
    (old_stored, old_config), (stored, config) = before, after
    if old_config is None:
        return bool(old_stored[name] != stored[name])
    old, new = getattr(old_config, name), getattr(config, name)
    if old != new or list(_references(stored[name])) != list(_references(old_stored[name])):
        return True
    return bool(_shown(old) != _shown(new))


def _shown(section: Any) -> Any:
    return [_shown(each) for each in section] if is_list(section) else section.model_dump(mode="json")


def _references(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(value, Reference):
        yield path, value.text
    elif is_mapping(value):
        for key in sorted(value):
            yield from _references(value[key], (*path, key))
    elif is_list(value):
        for index, inner in enumerate(value):
            yield from _references(inner, (*path, index))


def _at(value: Any, path: Path) -> Any:
    """What stands at a path of a configuration; None where nothing does."""
    found: Any = value
    for part in path:
        try:
            found = getattr(found, str(part)) if isinstance(found, BaseModel) else found[part]
        except (AttributeError, LookupError, TypeError):
            return None
    return found
