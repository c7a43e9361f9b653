"""What a change of each section does to a running instance: built beside the old while that works on, then swapped.

`PARTS` is the table. A section in no part is asked for at each request, or waits for a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from continuum.runtime import log
from continuum.runtime.facts import read_facts

if TYPE_CHECKING:
    from continuum.config import Config
    from continuum.runtime.instance import Instance

__all__ = ["PARTS", "Part", "Reloader"]


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was built: how it is put to work, which cannot fail, and how it is thrown away."""

    swap: Callable[[], None]
    discard: Callable[[], None] = _nothing


Prepare = Callable[["Instance", "Config"], Step]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an instance, and the sections that it follows. prepare: in a thread; raises ConfigError."""

    sections: tuple[str, ...]
    prepare: Prepare


def _logging(instance: Instance, config: Config) -> Step:
    if not instance.owns_process:  # a host program's logging is its own
        return Step(_nothing)
    return Step(*log.prepare(config.logging))


def _contents(instance: Instance, config: Config) -> Step:
    def swap() -> None:
        instance.engine.contents.wanted = config.logging.log_prompts

    return Step(swap)


def _access(instance: Instance, config: Config) -> Step:
    return Step(instance.keys.prepare(config))


def _breakers(instance: Instance, config: Config) -> Step:
    return Step(lambda: instance.pool.retune_breakers(config.circuit_breaker))


def _retries(instance: Instance, config: Config) -> Step:
    def swap() -> None:
        instance.engine.retries.retune(config.retry)
        instance.pool.retune_retries(config.retry)

    return Step(swap)


def _limits(instance: Instance, config: Config) -> Step:
    return Step(lambda: instance.limits.retune(config.rate_limiting))


def _prompts(instance: Instance, config: Config) -> Step:
    section, reading = config.global_prompts, instance.prompts.read(config.global_prompts)
    return Step(lambda: instance.prompts.retune(section, reading))


def _pool(instance: Instance, config: Config) -> Step:
    made = instance.pool.prepare(config)
    return Step(lambda: instance.pool.swap(config, made, instance.engine.quiet))


def _engine(instance: Instance, config: Config) -> Step:
    return Step(lambda: instance.engine.replace(instance.make_engine(config)))


def _facts(instance: Instance, config: Config) -> Step:
    facts = read_facts(instance.store, config)

    def swap() -> None:
        instance.accounts.facts = facts

    return Step(swap)


def _metrics(instance: Instance, config: Config) -> Step:
    return Step(lambda: instance.accounts.retune(config.metrics))


PARTS: tuple[Part, ...] = (
    Part(("logging",), _logging),
    Part(("logging",), _contents),
    Part(("api_keys",), _access),
    Part(("rate_limiting",), _limits),
    Part(("global_prompts",), _prompts),
    Part(("circuit_breaker",), _breakers),
    Part(("retry",), _retries),
    Part(("metrics",), _metrics),
    Part(("model_metadata_file",), _facts),
    Part(("backends", "health_checks", "timeouts"), _pool),
    Part(("backends", "fallback", "health_checks", "routing", "timeouts"), _engine),  # after the pool
)

AT_EACH_REQUEST = ("admin", "cors", "files")
"""Sections that are looked up in the configuration in force whenever they matter."""


@dataclass(slots=True)
class _Change:
    """Satisfies config.store's Change."""

    steps: list[Step] = field(default_factory=list[Step])

    def swap(self) -> None:
        for step in self.steps:
            step.swap()

    def discard(self) -> None:
        for step in self.steps:
            step.discard()


class Reloader:
    """Builds what an instance needs for another configuration."""

    def __init__(self, instance: Instance, parts: Iterable[Part] = PARTS) -> None:
        self._instance = instance
        self._parts = tuple(parts)

    def prepare(self, old: Config, new: Config) -> _Change:
        """Only for the parts whose sections differ. Blocks, and contacts nobody. Raises ConfigError."""
        change = _Change()
        try:
            for part in self._parts:
                if any(getattr(old, name) != getattr(new, name) for name in part.sections):
                    change.steps.append(part.prepare(self._instance, new))
        except BaseException:
            change.discard()
            raise
        return change
