"""Which configuration a process runs with: a file's, or one made of what the machine has. Reads, never writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from continuum.backends import local
from continuum.config import from_mapping, load
from continuum.config.files import find
from continuum.config.overlay import merge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.config import Config

__all__ = ["Choice", "Setup", "set_up"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user said: a file, single values laid over it, or the embedded model alone."""

    environ: Mapping[str, str]
    file: str | None = None
    overlay: Mapping[str, object] = field(default_factory=dict[str, object])
    local: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    """The configuration, the file it came from (None: made of what was found), what was found, a line each, and
    whether the embedded model is its backend.
    """

    config: Config
    file: Path | None
    found: tuple[str, ...] = ()
    embedded: bool = False


def set_up(choice: Choice) -> Setup:
    """Raises ConfigError with every fault at once."""
    file = find(choice.file, choice.environ, Path.cwd())
    if choice.local:
        overlay = merge(choice.overlay, local.backend_config_data())
        config = load(file, environ=choice.environ, overlay=overlay) if file else from_mapping({}, overlay=overlay)
        return Setup(config, file, embedded=True)
    if file is not None:
        return Setup(load(file, environ=choice.environ, overlay=choice.overlay), file)
    data, found = _discover(choice.environ)
    embedded = not data and find_spec("xllamacpp") is not None
    if embedded:
        data, found = local.backend_config_data(), "no key in the environment: the embedded demonstration model"
    return Setup(from_mapping(data, overlay=choice.overlay), None, (found,), embedded)


def _discover(environ: Mapping[str, str]) -> tuple[dict[str, object], str]:
    """A configuration for the keys in the environment, and what there is to say about it."""
    key, url = environ.get("OPENAI_API_KEY"), environ.get("OPENAI_BASE_URL")
    if not key:
        return {}, "no key in the environment; pip install 'continuum-router[local]' brings an embedded model"
    backend: dict[str, object] = {"name": "openai", "type": "openai", "api_key": key}
    return {"backends": [{**backend, "url": url} if url else backend]}, "OPENAI_API_KEY is set: backend openai"
