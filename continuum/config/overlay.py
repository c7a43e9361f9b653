"""What the command line and the environment lay over the file: nested mappings that know where each value came from."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_origin

from continuum.config.model import SECTIONS, Config
from continuum.config.plain import is_list, is_mapping
from continuum.config.section import Path
from continuum.config.shape import from_text, is_container, types_at
from continuum.errors import ConfigError, ConfigProblem

PREFIX = "CONTINUUM_"
SEPARATOR = "__"
COMMAND_LINE = "command line"


class Overlay(dict[str, Any]):
    """A nested mapping; `origins` says for a path which variable or option set it."""

    def __init__(self) -> None:
        super().__init__()
        self.origins: dict[Path, str] = {}

    def put(self, path: Path, value: object, origin: str) -> None:
        """Set one value."""
        nested: dict[Any, Any] = {path[-1]: value}
        for part in reversed(path[:-1]):
            nested = {part: nested}
        self._lay(nested)
        self.origins[path] = origin

    def _lay(self, layer: Mapping[str, object]) -> None:
        self.update(lay(dict(self), layer))

    def add(self, layer: Mapping[str, object]) -> None:
        """Lay a further mapping over this one; it wins."""
        self._lay(layer)
        if isinstance(layer, Overlay):
            self.origins.update(layer.origins)
        else:
            self.origins.update((path, COMMAND_LINE) for path in _leaves(layer))

    def origin(self, path: Path) -> str | None:
        """Which variable or option set the value at `path`, or the value that holds it; None where none did."""
        lengths = range(len(path), 0, -1)
        return next((self.origins[path[:length]] for length in lengths if path[:length] in self.origins), None)

    def origin_below(self, path: Path) -> str | None:
        """Which variable or option first set something below `path`."""
        return next((origin for where, origin in self.origins.items() if where[: len(path)] == path), None)


def _leaves(value: object, path: Path = ()) -> Iterator[Path]:
    if is_mapping(value):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    else:
        yield path


def merge(*layers: Mapping[str, object]) -> Overlay:
    """Several layers as one; a later one wins."""
    merged = Overlay()
    for layer in layers:
        merged.add(layer)
    return merged


def option(name: str, key: str, value: object) -> Overlay:
    """What one command-line option sets: `option("--bind", "server.bind_address", "127.0.0.1:0")`."""
    made = Overlay()
    made.put(tuple(key.split(".")), value, name)
    return made


def from_environ(environ: Mapping[str, str]) -> Overlay:
    """The variables `CONTINUUM_SECTION__KEY`, and `CONTINUUM_KEY` for a key outside every section, as far as there are
    such; every other variable is left alone.
    """
    made, problems = Overlay(), list[ConfigProblem]()
    for name in sorted(environ):
        section, separator, rest = name.removeprefix(PREFIX).lower().partition(SEPARATOR)
        single = section in Config.model_fields and section not in SECTIONS
        if name.startswith(PREFIX) and not separator and single:
            problems += _put_text(made, (section,), environ[name], name)
        if name.startswith(PREFIX) and separator and section in SECTIONS:
            problems += _put_text(made, (section, *rest.split(SEPARATOR)), environ[name], name)
    if problems:
        raise ConfigError(problems)
    return made


def from_sets(settings: Sequence[str]) -> Overlay:
    """The options `--set SECTION.KEY=VALUE`, a later one winning."""
    made, problems = Overlay(), list[ConfigProblem]()
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not all(key.split(".")):
            problems.append(ConfigProblem("must look like SECTION.KEY=VALUE", key[:60], "--set"))
        else:
            problems += _put_text(made, tuple(key.strip().split(".")), text, "--set")
    if problems:
        raise ConfigError(problems)
    return made


def _put_text(made: Overlay, keys: tuple[str, ...], text: str, origin: str) -> Iterable[ConfigProblem]:
    path = _indexed(keys)
    if not is_container(Config, path):
        made.put(path, from_text(Config, path, text), origin)
        return []
    try:
        made.put(path, json.loads(text), origin)
    except (ValueError, RecursionError):
        return [ConfigProblem('must be JSON, such as ["a", "b"]', ".".join(keys), origin)]
    return []


def _indexed(keys: tuple[str, ...]) -> Path:
    """The keys with the positions in lists as numbers."""
    path: Path = ()
    for key in keys:
        position = key.isascii() and key.isdigit() and any(get_origin(each) is list for each in types_at(Config, path))
        path = (*path, int(key) if position else key)
    return path


def lay(base: object, layer: object) -> Any:
    """`layer` over `base`: mappings are merged, numbers name items of a list, anything else is replaced.

    A number past the end of the list makes no list: validation then says that one is wanted.
    """
    if not is_mapping(layer):
        return layer
    if layer and all(isinstance(key, int) for key in layer) and (base is None or is_list(base)):
        base = dict(enumerate(base or ()))
    merged = dict(base) if is_mapping(base) else {}
    for key, value in layer.items():
        merged[key] = lay(merged.get(key), value)
    indexed = bool(merged) and list(merged) == list(range(len(merged)))
    return list(merged.values()) if indexed else merged
