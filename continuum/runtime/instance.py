"""One running router: a configuration at work."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from continuum.backends.pool import open_pool
from continuum.core import Engine
from continuum.providers import ModelInfo

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from continuum.backends.pool import Pool
    from continuum.config import Config

__all__ = ["Instance", "open_instance"]


class Instance:
    """What a transport needs: the configuration in force, the engine over its pool, and the models there are."""

    def __init__(self, config: Config, pool: Pool) -> None:
        self.config = config
        self.engine = Engine(config, pool)
        self.pool = pool

    def models(self) -> list[ModelInfo]:
        """Every model and alias known now, in the configuration's order."""
        found = {info.id: info for info in self.pool.catalog.models()}
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
async def open_instance(config: Config) -> AsyncGenerator[Instance]:
    """The instance at work, once each server whose models are not configured was asked (for a bounded time);
    leaving ends all it started.
    """
    async with open_pool(config) as pool:
        await pool.catalog.first_look()
        yield Instance(config, pool)
