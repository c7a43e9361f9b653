"""Which configuration a process runs with: a file's, or one made of what the machine has. Reads, never writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from continuum.backends import local
from continuum.config import from_mapping, load, open_file, open_memory
from continuum.config.codec import read
from continuum.config.expansion import stored_form
from continuum.config.files import find
from continuum.config.loading import sections_of
from continuum.config.overlay import merge
from continuum.runtime.discover import Discovery, discover

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from continuum.config import Config, ConfigStore

__all__ = ["Choice", "Setup", "look_around", "set_up"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user said: a file, single values laid over it, or the embedded model alone."""

    environ: Mapping[str, str]
    file: str | None = None
    overlay: Mapping[str, object] = field(default_factory=dict[str, object])
    local: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    """The store of the configuration, the file it came from, whether the embedded model is its backend, and what was
    found where nothing said which backends there are.
    """

    store: ConfigStore
    file: Path | None
    embedded: bool = False
    discovery: Discovery | None = None

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.store.config


Look = Callable[["Mapping[str, str]"], "Awaitable[Discovery]"]


def set_up(choice: Choice, *, look: Look = discover, keep: bool = False) -> Setup:
    """Blocks for as long as `look` takes, where there is neither a file nor a word about backends; not to be called
    where trio runs. keep: take up the versions that were kept of the file's configuration; else they are not looked
    at, and nothing is written. Raises ConfigError with every fault at once.
    """
    environ, overlay = choice.environ, choice.overlay
    file = find(choice.file, environ, Path.cwd())
    if choice.local:
        return Setup(_embedded(file, choice), file, embedded=True)
    if file is not None:
        return Setup(open_file(file, environ=environ, overlay=overlay, keep=keep), file)
    return trio.run(partial(look_around, choice, look=look))


async def look_around(choice: Choice, *, look: Look = discover) -> Setup:
    """What the machine has makes the configuration, whether there is a file or not. Raises ConfigError with every
    fault at once.
    """
    environ, overlay = choice.environ, choice.overlay
    if "backends" in overlay:  # laid over what was found, a URL could send a key to the wrong house
        return Setup(open_memory({}, overlay=overlay), None)
    discovery = await look(environ)
    if discovery.embedded:
        return Setup(
            open_memory(local.backend_config_data(), overlay=overlay), None, embedded=True, discovery=discovery
        )
    from_mapping({}, overlay=merge(discovery.overlay(), overlay))  # whose faults name the variables
    found = stored_form({"backends": [backend.as_written() for backend in discovery.backends]})
    return Setup(open_memory(found, environ=environ, overlay=overlay), None, discovery=discovery)


def _embedded(file: Path | None, choice: Choice) -> ConfigStore:
    """The embedded model alone, with whatever else a file says: what comes of it is kept in memory."""
    data = dict[str, Any](local.backend_config_data())
    if file is not None:
        load(file, environ=choice.environ, overlay=merge(choice.overlay, data))  # whose faults name the lines
        data = {**sections_of(read(file)), **data}
    return open_memory(data, environ=choice.environ, overlay=choice.overlay)
