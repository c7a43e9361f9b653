"""From a file, or from plain data, to a ConfigStore: what was kept is taken up again. Blocks: for the start."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path as File
from typing import Any

from continuum.config.given import Given
from continuum.config.history import History, Shelf
from continuum.config.judge import Judge, still_valid
from continuum.config.ledger import Deed
from continuum.config.model import Config
from continuum.config.overlay import merge
from continuum.config.store import ConfigStore
from continuum.config.version import Version, VersionSource, empty
from continuum.config.view import ADMIN_SECTIONS
from continuum.config.writing import FILE_CHANGED
from continuum.config.written import written
from continuum.errors import ConfigLocked, InternalError
from continuum.storage.folder import state_folder

__all__ = ["open_file", "open_memory", "store_of"]

_log = logging.getLogger("continuum.config")


def open_file(
    file: File, *, environ: Mapping[str, str], overlay: Mapping[str, object] | None = None, keep: bool | None = True
) -> ConfigStore:
    """The store of a configuration file. keep: take up the versions kept in the storage folder, and go on with them;
    else they live in memory. None: only where the configuration says which folder. The file alone decides what has
    changed in it since: nothing, and the last version goes on; or some sections, and there is a new one.

    Raises ConfigError with every fault. A folder that cannot be used is a warning: changes are refused until it can.
    """
    given = Given.read(file, environ, merge(overlay or {}))
    keep = given.config.storage.dir is not None if keep is None else keep
    judge = Judge(environ, given.overlay, given.root)
    history = History(_shelf(given) if keep else None, judge.alone)
    with _told():
        history.hold()
    with _told():
        history.read()
    changes, history.file = given.changes(history.file), given.digests
    at_start: Deed | None = None
    if history.empty:
        _begin(history, judge, "initial", given.sections, _said(given.sections))
    elif changes and (found := judge.judge(before := history.current, changes)).sections_changed:
        _begin(history, judge, "file_reload", found.stored, found.sections_changed)
        if history.held:
            at_start = Deed.at_start(history.current, still_valid(before) or found.config)
    if history.held:
        with _told():
            history.flush()
    return ConfigStore(judge, history, source=given, at_start=at_start)


def open_memory(
    data: Mapping[str, Any], *, environ: Mapping[str, str] | None = None, overlay: Mapping[str, object] | None = None
) -> ConfigStore:
    """The store of a configuration that no file holds: its versions live as long as the process. data: in stored form
    (expansion.Reference). Raises ConfigError with every fault.
    """
    root = {name: value for name, value in data.items() if name not in ADMIN_SECTIONS}
    judge = Judge(environ or {}, merge(overlay or {}), root)
    history = History(None, judge.alone)
    sections = {name: data.get(name) or empty(name) for name in ADMIN_SECTIONS}
    _begin(history, judge, "initial", sections, _said(sections))
    return ConfigStore(judge, history)


def store_of(source: Config | ConfigStore) -> ConfigStore:
    """The store of a configuration made in code, versions in memory; a store is its own."""
    return open_memory(written(source)) if isinstance(source, Config) else source


def _said(sections: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in ADMIN_SECTIONS if sections[name])


def _begin(
    history: History, judge: Judge, source: VersionSource, stored: Mapping[str, Any], changed: tuple[str, ...]
) -> None:
    """The first version of this start."""
    number = 1 if history.empty else history.current.number + 1
    description = "Initial configuration" if history.empty else FILE_CHANGED
    version = Version(
        number, datetime.now(UTC), source, "system", description, changed, stored, history.file, judge.alone
    )
    history.begin(version)


def _shelf(given: Given) -> Shelf:
    """A folder per configuration path."""
    path = str(given.file.absolute())  # of links only the name is taken: where they lead may change
    name = sha256(os.fsencode(path)).hexdigest()[:16]
    return Shelf(state_folder(given.config.storage.dir, given.environ) / "versions" / name)


@contextmanager
def _told() -> Generator[None]:
    """What keeps versions from being kept is no reason not to serve."""
    try:
        yield
    except ConfigLocked as fault:
        _log.warning("%s; this process follows it", fault.message)
    except InternalError as fault:
        _log.warning("%s", fault.message)
    except OSError as fault:
        _log.warning("the versions of the configuration cannot be used: %s", fault.strerror or "I/O error")
