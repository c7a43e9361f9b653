"""Which configuration a process runs with: a file's, or one made of what the machine has. Reads, never writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from continuum.backends import local
from continuum.config import from_mapping, load
from continuum.config.files import find
from continuum.config.overlay import merge
from continuum.runtime.discover import Discovery, discover

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

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
    """The configuration, the file it came from, whether the embedded model is its backend, and what was found where
    nothing said which backends there are.
    """

    config: Config
    file: Path | None
    embedded: bool = False
    discovery: Discovery | None = None


Look = Callable[["Mapping[str, str]"], "Awaitable[Discovery]"]


def set_up(choice: Choice, *, look: Look = discover) -> Setup:
    """Blocks for as long as `look` takes, where there is neither a file nor a word about backends; not to be called
    where trio runs. Raises ConfigError with every fault at once.
    """
    file = find(choice.file, choice.environ, Path.cwd())
    if choice.local:
        overlay = merge(choice.overlay, local.backend_config_data())
        config = load(file, environ=choice.environ, overlay=overlay) if file else from_mapping({}, overlay=overlay)
        return Setup(config, file, embedded=True)
    if file is not None:
        return Setup(load(file, environ=choice.environ, overlay=choice.overlay), file)
    if "backends" in choice.overlay:  # laid over what was found, a URL could send a key to the wrong house
        return Setup(from_mapping({}, overlay=choice.overlay), None)
    discovery = trio.run(partial(look, choice.environ))
    if discovery.embedded:
        config = from_mapping(local.backend_config_data(), overlay=choice.overlay)
    else:
        config = from_mapping({}, overlay=merge(discovery.overlay(), choice.overlay))
    return Setup(config, None, discovery.embedded, discovery)
