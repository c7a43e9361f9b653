"""What a configuration file says, split into what versions hold and what they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, Self

from continuum.config.codec import Document, read
from continuum.config.loading import build, sections_of
from continuum.config.model import Config
from continuum.config.overlay import Overlay
from continuum.config.version import digest, empty
from continuum.config.view import ADMIN_SECTIONS
from continuum.errors import ConfigError, ConfigProblem

__all__ = ["Given"]


@dataclass(frozen=True, slots=True)
class Given:
    """A file that was read, and found valid as a whole. sections, root: in stored form; root is what stands beside
    the fifteen sections. digests: of each section, by name.
    """

    file: File
    document: Document
    sections: Mapping[str, Any]
    root: Mapping[str, Any]
    digests: Mapping[str, str]
    config: Config
    environ: Mapping[str, str]
    overlay: Overlay

    @classmethod
    def read(cls, file: File, environ: Mapping[str, str], overlay: Overlay) -> Self:
        """Blocks. Raises ConfigError with every fault and its line."""
        document = read(file)
        data = sections_of(document)
        config = build(data, environ, overlay=overlay, document=document)
        sections = {name: data.pop(name, None) or empty(name) for name in ADMIN_SECTIONS}
        digests = {name: digest(section) for name, section in sections.items()}
        return cls(file, document, sections, data, digests, config, environ, overlay)

    def again(self) -> Given:
        """What it says now. Blocks. Raises ConfigError, also for an empty file: that one is half written."""
        given = Given.read(self.file, self.environ, self.overlay)
        if not given.document.data:
            raise ConfigError([ConfigProblem("is empty", file=str(self.file))])
        return given

    def changes(self, seen: Mapping[str, str]) -> dict[str, Any]:
        """The sections whose text differs from what had these digests."""
        return {name: section for name, section in self.sections.items() if self.digests[name] != seen.get(name)}

    def root_changes(self, before: Mapping[str, Any]) -> Iterator[str]:
        """The names beside the fifteen sections that differ."""
        for name in sorted({*self.root, *before}):
            if self.root.get(name) != before.get(name):
                yield name
