"""One running router: a configuration at work."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from continuum.backends.pool import open_pool
from continuum.config import Config, client_keys, store_of
from continuum.core import ANONYMOUS, Access, Engine, Limits
from continuum.providers import ModelInfo
from continuum.resilience.buckets import Buckets

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from continuum.backends.pool import Pool
    from continuum.config import ConfigStore
    from continuum.core import Principal

__all__ = ["Instance", "open_instance"]


class Instance:
    """What a transport needs: the configuration and where it is changed, who may call and how much, the engine over
    its pool, and the models there are. draining: the process is about to end.
    """

    def __init__(self, store: ConfigStore, pool: Pool, access: Access) -> None:
        self.store = store
        self.access = access
        self.limits = Limits(store.config.rate_limiting, Buckets(trio.current_time))
        self.engine = Engine(store.config, pool, self.limits)
        self.pool = pool
        self.draining = False

    @property
    def config(self) -> Config:
        """The configuration in force: not to be kept, since it is replaced whole."""
        return self.store.config

    @property
    def usable(self) -> bool:
        """Whether there is a backend that calls can go to now."""
        return any(each.models and each.health.usable for each in self.pool.backends if each.config.enabled)

    def models(self, principal: Principal = ANONYMOUS) -> list[ModelInfo]:
        """Every model and alias known now that this caller may use, in the configuration's order."""
        found = {info.id: info for info in self.pool.catalog.models() if principal.may_use(info.id)}
        for alias, target in self.config.routing.aliases.items():
            if target in found:
                found.setdefault(alias, ModelInfo(alias, "continuum", found[target].created))
        return list(found.values())

    def default_model(self) -> str | None:
        """The model for a caller who names none: routing.default_model, else the first there is."""
        if self.config.routing.default_model is not None:
            return self.config.routing.default_model
        models = self.models()
        return models[0].id if models else None


@asynccontextmanager
async def open_instance(source: Config | ConfigStore) -> AsyncGenerator[Instance]:
    """The instance at work, once each server whose models are not configured was asked (for a bounded time);
    leaving ends all it started. Raises ConfigError for a file of client keys that cannot be used.
    """
    store = store_of(source) if isinstance(source, Config) else source
    section = store.config.api_keys
    access = Access(client_keys(section), needed=section.mode == "blocking")
    async with open_pool(store.config) as pool:
        await pool.catalog.first_look()
        yield Instance(store, pool, access)
