"""What the log is told of a file that is read again: each fault once, and what was taken from it."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from continuum.config.judge import RESTART_ONLY
from continuum.errors import ConfigError, InternalError

if TYPE_CHECKING:
    from continuum.config.given import Given
    from continuum.config.version import Version
    from continuum.errors import ConfigProblem

__all__ = ["Teller"]

_log = logging.getLogger("continuum.config")


class Teller:
    """Remembers what it said last: a fault that stays is not told at every look."""

    def __init__(self) -> None:
        self._told = ""

    @property
    def content(self) -> bool:
        """Whether the last look ended well."""
        return not self._told

    @contextmanager
    def telling(self) -> Generator[None]:
        """Tell what keeps the block from its end, and let it pass on."""
        try:
            yield
        except ConfigError as fault:
            self._fault("; ".join(map(str, fault.problems)))
            raise
        except InternalError as fault:
            self._fault(fault.message)
            raise
        self._told = ""

    def taken(
        self,
        given: Given,
        root_before: Mapping[str, Any],
        warnings: Sequence[ConfigProblem],
        version: Version | None,
    ) -> None:
        """A file was taken over. version: the one that was made of it; None where its sections mean what they did."""
        for name in given.root_changes(root_before):
            if name in RESTART_ONLY:
                _log.warning("%s: %s takes effect after a restart", given.file, name)
        for warning in warnings:
            _log.warning("%s", warning)
        if version is not None:
            sections = ", ".join(version.sections_changed)
            _log.info("the configuration file has changed: version %d (%s)", version.number, sections)

    def _fault(self, words: str) -> None:
        if words != self._told:
            _log.error("the configuration in force stays as it is: %s", words)
        self._told = words
