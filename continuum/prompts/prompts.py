"""The global prompts of one router as they stand in memory, and which of them a call gets.

Files are read aside, in a thread; what was read is taken up on the event loop, where calls look.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from continuum.chat import GlobalPrompt
from continuum.errors import ConfigError, ConfigProblem, ContinuumError
from continuum.prompts.folder import folder_of
from continuum.prompts.sources import named_files, sources

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from continuum.config import GlobalPrompts
    from continuum.prompts.sources import Source

__all__ = ["Prompts", "Reading", "unreadable"]

_log = logging.getLogger("continuum.prompts")

_LINE_ENDS = ("\r\n", "\n")


@dataclass(frozen=True, slots=True)
class Reading:
    """What files held. order: of two readings the later one began later. texts, faults: by the names that the section
    gives the files. paths: how answers name those that were read.
    """

    order: int
    texts: Mapping[str, str]
    faults: Mapping[str, str]
    paths: Mapping[str, str]


def read_files(section: GlobalPrompts, beside: Path, order: int = 0) -> Reading:
    """What the files of a section hold now. Blocking."""
    folder = folder_of(section, beside)
    texts, faults, paths = dict[str, str](), dict[str, str](), dict[str, str]()
    for name in named_files(section):
        try:
            found = folder.read(name)
        except ContinuumError as fault:
            faults[name] = fault.problems[0].rule if isinstance(fault, ConfigError) else fault.message
        else:
            texts[name], paths[name] = found.content, found.path
    return Reading(order, texts, faults, paths)


def unreadable(section: GlobalPrompts, beside: Path) -> list[ConfigProblem]:
    """One for each key whose file cannot be read now. beside: the folder of the configuration. Blocking."""
    faults = read_files(section, beside).faults
    named = ((each.key, each.file) for each in sources(section) if each.file is not None)
    return [ConfigProblem(faults[file], key, shown=f'"{file}"') for key, file in named if file in faults]


class Prompts:
    """One for a router. beside: the folder of the configuration. Reads the files: blocking."""

    def __init__(self, section: GlobalPrompts, beside: Path) -> None:
        self._beside = beside
        self._section = section
        self._orders = count(1)
        self._held: dict[str, tuple[int, str]] = {}
        self._told: set[str] = set()
        self._models: dict[str, GlobalPrompt | None] = {}
        self._backends: dict[str, GlobalPrompt | None] = {}
        self._default: GlobalPrompt | None = None
        self._none = True
        self.retune(section, self.read(section))

    def of(self, asked: str, model: str, backend: str) -> GlobalPrompt | None:
        """The prompt of a call to a backend: of the model by the name it was asked for, of the model, of the backend,
        or the default. None where there is none, or where the one that applies is empty.
        """
        if self._none:
            return None
        for prompts, name in ((self._models, asked), (self._models, model), (self._backends, backend)):
            if name in prompts:
                return prompts[name]
        return self._default

    def longest(self, *names: str) -> GlobalPrompt | None:
        """The longest that a call to a model of these names may get, before its backend is known."""
        if self._none:
            return None
        for name in names:
            if name in self._models:
                return self._models[name]
        return max((self._default, *self._backends.values()), key=lambda prompt: len(prompt.text) if prompt else 0)

    @property
    def files(self) -> Collection[Path]:
        """Where the named files are, or would be."""
        return folder_of(self._section, self._beside).places(named_files(self._section))

    def read(self, section: GlobalPrompts | None = None) -> Reading:
        """What the files of a section hold now, by default of the one in force. Blocking; touches nothing of ours."""
        section, order = section or self._section, next(self._orders)
        return read_files(section, self._beside, order)

    def retune(self, section: GlobalPrompts, reading: Reading) -> None:
        """Go by another section."""
        self._section = section
        self.take(reading)

    def take(self, reading: Reading) -> None:
        """Have what was read, as far as nothing younger is here. A file that could not be read keeps its last text;
        that is told once.
        """
        for name, text in reading.texts.items():
            if self._is_news(name, reading):
                self._held[name] = reading.order, text
                self._told.discard(name)
        wanted = set(named_files(self._section))
        for name, fault in reading.faults.items():
            if name in wanted and name not in self._told and self._is_news(name, reading):
                self._told.add(name)
                then = "its last text stays in force" if name in self._held else "it adds nothing"
                _log.warning("the prompt file %s cannot be used (%s): %s", name, fault, then)
        self._held = {name: held for name, held in self._held.items() if name in wanted}
        self._told &= wanted
        self._arrange()

    def _is_news(self, name: str, reading: Reading) -> bool:
        return name not in self._held or self._held[name][0] < reading.order

    def _arrange(self) -> None:
        by_kind: dict[str, dict[str, GlobalPrompt | None]] = {"default": {}, "backend": {}, "model": {}}
        for source in sources(self._section):
            text = self._text(source)
            if text is not None:
                by_kind[source.kind][source.id] = self._prompt(text)
        self._models, self._backends = by_kind["model"], by_kind["backend"]
        self._default = by_kind["default"].get("default")
        self._none = not any(by_kind.values())

    def _text(self, source: Source) -> str | None:
        """Of the file, else as written; None where there is neither, and the next in line applies."""
        if source.file is None or source.file not in self._held:
            return source.text
        text = self._held[source.file][1]
        end = next((end for end in _LINE_ENDS if text.endswith(end)), "")
        return text.removesuffix(end)  # an editor's, not the prompt's

    def _prompt(self, text: str) -> GlobalPrompt | None:
        section = self._section
        return GlobalPrompt(text, section.merge_strategy, section.separator) if text.strip() else None
