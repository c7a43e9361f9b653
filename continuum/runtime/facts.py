"""The facts about models that one instance goes by: read at the start, with the configuration, and when their file is
another.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from continuum.config.facts import Facts
from continuum.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from continuum.config import Config, ConfigStore
    from continuum.runtime.instance import Instance

__all__ = ["facts_file", "read_facts", "reread_facts"]

_log = logging.getLogger("continuum.config")


def facts_file(store: ConfigStore, config: Config) -> Path | None:
    """The user's file of facts, where there is one; relative names are sought beside the configuration."""
    return None if config.model_metadata_file is None else store.beside / config.model_metadata_file


def read_facts(store: ConfigStore, config: Config) -> Facts:
    """The shipped facts with the user's over them. Blocks. Raises ConfigError."""
    return Facts.load(facts_file(store, config))


async def reread_facts(instance: Instance) -> None:
    """Have what the file holds now; a faulty one changes nothing."""
    try:
        instance.accounts.facts = await trio.to_thread.run_sync(read_facts, instance.store, instance.config)
    except ConfigError as fault:
        _log.error("the facts about models stay as they are: %s", "; ".join(map(str, fault.problems)))
