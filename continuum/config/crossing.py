"""Rules between sections. Judges what was written, before any validation: expect any shape."""

from collections.abc import Iterable, Mapping
from typing import Any

from continuum.config.plain import is_mapping
from continuum.config.section import Path
from continuum.config.sections.admin import NO_AUTH, Admin, open_to_others
from continuum.config.sections.backends import name_faults
from continuum.config.sections.fallback import loops
from continuum.config.sections.server import Server


def faults_between(given: Mapping[str, Any]) -> Iterable[tuple[Path, str]]:
    """Each fault as (path, rule)."""
    longest = _at(given, ("admin", "max_backend_name_length"), Admin.model_fields["max_backend_name_length"].default)
    for path, rule in name_faults(given.get("backends"), longest):
        yield ("backends", *path), rule
    bind = _at(given, ("server", "bind_address"), Server.model_fields["bind_address"].default)
    if _at(given, ("admin", "auth", "method")) == NO_AUTH and open_to_others(bind):
        yield ("admin", "auth", "method"), "must not be none while server.bind_address can be reached from elsewhere"
    chains = _at(given, ("fallback", "fallback_chains"))
    told_there = loops(chains, {})
    for model, rule in loops(chains, _at(given, ("routing", "aliases"))).items():
        if model not in told_there:
            yield ("fallback", "fallback_chains", model), rule


def _at(given: object, path: Path, default: object = None) -> object:
    """What stands at a path, in mappings or in groups made before; `default` where nothing does."""
    for key in path:
        inner = given.get(key) if is_mapping(given) else getattr(given, str(key), None)
        if inner is None:
            return default
        given = inner
    return given
