"""What a process works with, and how something else takes its place: built beside it, then swapped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import trio

from continuum.config.judge import RESTART_ONLY

if TYPE_CHECKING:
    from continuum.config.model import Config
    from continuum.config.sections.backends import BackendConfig

__all__ = ["Built", "Change", "InForce", "Prepare"]


class Change(Protocol):
    """What was built beside the old for a new configuration."""

    def swap(self) -> None:
        """Put it in force. Cannot fail."""
        ...

    def discard(self) -> None:
        """It was not wanted after all."""
        ...


Prepare = Callable[["Config", "Config"], Change]
"""(in force, to be in force) -> what is built for it; in a thread, and without the network. Raises ConfigError."""


@dataclass(frozen=True, slots=True)
class Built:
    """A configuration that can be put to work, and what is lent beside it."""

    config: Config
    lent: dict[str, BackendConfig]
    change: Change | None

    def discard(self) -> None:
        """It is not wanted after all."""
        if self.change is not None:
            self.change.discard()


class InForce:
    """running: the configuration the process started with. config: what it works with now: the version in force with
    what is laid over it, the restart-only sections of the start, and the backends that are lent.
    """

    def __init__(self, running: Config) -> None:
        self.running = running
        self.config = running
        self._lent: dict[str, BackendConfig] = {}
        self._prepare: Prepare | None = None

    @property
    def attended(self) -> bool:
        """Whether somebody builds what a new configuration needs."""
        return self._prepare is not None

    def restart(self, running: Config) -> None:
        """The process starts with this instead."""
        self.running = self.config = running

    def prepare_with(self, prepare: Prepare) -> None:
        """Let this build what a new configuration needs."""
        self._prepare = prepare

    async def build(self, config: Config, *, lend: BackendConfig | None = None) -> Built:
        """What takes the place of all that is at work; nothing changes yet. lend: one more backend that stands over
        those of its name from now on. Raises ConfigError.
        """
        lent = self._lent if lend is None else {**self._lent, lend.name: lend}
        effective = self._effective(config, lent)
        change = None
        if self._prepare is not None:
            change = await trio.to_thread.run_sync(self._prepare, self.config, effective)
        return Built(effective, lent, change)

    def swap(self, built: Built) -> None:
        """Work with this from now on. Cannot fail."""
        self.config, self._lent = built.config, built.lent
        if built.change is not None:
            built.change.swap()

    def _effective(self, config: Config, lent: dict[str, BackendConfig]) -> Config:
        """What only a restart changes is as it was at the start, what is lent stands over the rest."""
        given = {each.name: each for each in config.backends}
        update: dict[str, Any] = {name: getattr(self.running, name) for name in RESTART_ONLY}
        return config.model_copy(update={**update, "backends": list({**given, **lent}.values())})
