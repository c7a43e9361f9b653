"""What is legal and probably not meant: names that point nowhere, keys whose mechanism is still to come."""

from collections.abc import Iterable, Iterator

from continuum.config.later import LATER
from continuum.config.model import Config
from continuum.config.plain import is_list, is_mapping
from continuum.config.section import Group
from continuum.errors import ConfigProblem

NOT_YET = "not in effect yet"
_EACH = "*"


def warnings(config: Config) -> list[ConfigProblem]:
    """One for each name of a backend that points nowhere, and for each key that is set and does nothing yet."""
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
    """The keys of LATER that somebody wrote, each once: `backends.*.weight` however many backends have one."""
    return [".".join(path) for path in LATER if is_set(config, path)]


def is_set(value: object, path: tuple[str, ...]) -> bool:
    """Whether somebody wrote the key at a path of LATER's form."""
    if not path:
        return True
    key, *rest = path
    if isinstance(value, Group):
        return key in value.model_fields_set and is_set(getattr(value, key), tuple(rest))
    items = value if is_list(value) else list(value.values()) if is_mapping(value) else []
    return key == _EACH and any(is_set(item, tuple(rest)) for item in items)
