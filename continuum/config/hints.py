"""What is legal and probably not meant: names that point nowhere, keys whose mechanism is still to come."""

from collections.abc import Iterable, Iterator
from functools import cache, reduce
from typing import Any

from continuum.config.later import LATER
from continuum.config.model import Config
from continuum.errors import ConfigProblem

NOT_YET = "not in effect yet"


def warnings(config: Config) -> list[ConfigProblem]:
    """One for each name of a backend that points nowhere, and for each key that is changed and does nothing yet."""
    return [*_strayed(config), *_unshared(config), *(ConfigProblem(NOT_YET, key) for key in _set_too_early(config))]


def _strayed(config: Config) -> Iterator[ConfigProblem]:
    names = {backend.name for backend in config.backends}
    named = [
        (f"routing.rules.{rule}.backends.{place}", name)
        for rule, each in enumerate(config.routing.rules)
        for place, name in enumerate(each.backends)
    ]
    named += [(f"circuit_breaker.backends.{name}", name) for name in config.circuit_breaker.backends]
    named += [(f"global_prompts.backends.{name}", name) for name in config.global_prompts.backends]
    for key, name in named:
        if name not in names:
            yield ConfigProblem(f"there is no backend {name!r}", key)


def _unshared(config: Config) -> Iterator[ConfigProblem]:
    storages = {
        "rate_limiting.storage": config.rate_limiting.storage,
        "cache.responses.storage": config.cache.responses.storage,
        "acp.sessions.storage": config.acp.sessions.storage,
    }
    for key, storage in storages.items():
        if storage == "redis" and config.storage.url is None:
            yield ConfigProblem("redis needs storage.url, which is not set", key)


def _set_too_early(config: Config) -> Iterable[str]:
    """The keys of LATER that are not as by default: a view that comes back names every key, and says nothing."""
    return [".".join(path) for path in LATER if _at(config, path) != _at(_default(), path)]


@cache
def _default() -> Config:
    return Config()


def _at(config: Config, path: tuple[str, ...]) -> Any:
    return reduce(getattr, path, config)
