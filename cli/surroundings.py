"""What a machine has that concerns Continuum: variables by name, servers on loopback, the embedded model, storage."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from continuum.backends import local
from continuum.backends.loopback import look_around
from continuum.config import SECTIONS, Config
from continuum.config.files import VARIABLE
from continuum.providers import PROVIDERS
from continuum.runtime import PLACES, describe
from continuum.storage.folder import state_folder

if TYPE_CHECKING:
    from .shapes import Embedded, Server, Storage, Variable

__all__ = ["embedded_model", "loopback", "storage", "variables"]

_OWN = "CONTINUUM_"
_LARGEST_TEXT = 1 << 20


def variables(environ: Mapping[str, str], file: str | None) -> Iterator[Variable]:
    """Those that name keys and addresses of providers, and those of Continuum itself that are set."""
    referred = _referred(file)
    for row in PROVIDERS.values():
        for each in row.variables:
            for name in (each.key, *each.urls, *each.more.values()):
                is_set = bool(environ.get(name))
                if name == each.key or is_set:
                    yield {"name": name, "set": is_set, "what": _use(name, file, referred) if is_set else "not set"}
    for name in sorted(environ):
        what = _own_use(name)
        if what:
            yield {"name": name, "set": True, "what": what}


def _referred(file: str | None) -> set[str]:
    """The variables that a configuration file refers to."""
    try:
        text = Path(file).read_text(encoding="utf-8")[:_LARGEST_TEXT] if file is not None else ""
    except (OSError, UnicodeError):
        text = ""  # told as a fault of the configuration
    return set(re.findall(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)", text))


def _use(name: str, file: str | None, referred: set[str]) -> str:
    if file is None:
        return "set, used"
    return f"set, used by {file}" if name in referred else f"set, and not used: {file} does not refer to it"


def _own_use(name: str) -> str:
    if name == VARIABLE:
        return "names the configuration file"
    section, separator, rest = name.removeprefix(_OWN).lower().partition("__")
    if not name.startswith(_OWN):
        return ""
    if separator and section in SECTIONS:
        return f"sets {section}.{rest.replace('__', '.')}"
    single = not separator and section in Config.model_fields and section not in SECTIONS
    return f"sets {section}" if single else ""


async def loopback() -> list[Server]:
    """What answers where model servers are usually found on this machine."""
    looks = await look_around(place.url for place in PLACES)
    return [
        {
            "name": place.mark.title,
            "url": place.url,
            "found": looks[place.url].models is not None,
            "what": describe(looks[place.url]),
        }
        for place in PLACES
    ]


def embedded_model(environ: Mapping[str, str]) -> Embedded:
    """Whether the demonstration model can run here."""
    fetched = local.is_fetched(environ)
    try:
        local.check()
    except local.LocalModelError as fault:
        return {"model": local.MODEL_ID, "usable": False, "fetched": fetched, "what": fault.message}
    what = "is here; --local uses it alone" if fetched else "can run; --local fetches it at first use"
    return {"model": local.MODEL_ID, "usable": True, "fetched": fetched, "what": what}


def storage(config: Config | None, environ: Mapping[str, str]) -> Storage:
    """The folder for what must outlive the process, and whether it can be written or made."""
    folder = state_folder(config.storage.dir if config is not None else None, environ)
    there = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    return {"dir": str(folder), "writable": there.is_dir() and os.access(there, os.W_OK | os.X_OK)}
