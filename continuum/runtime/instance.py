"""One running router: a configuration at work."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from continuum.core import ANONYMOUS, Engine, Limits
from continuum.resilience.buckets import Buckets
from continuum.runtime.accounting import Accounting
from continuum.runtime.door import Door
from continuum.storage.admin_token import AdminToken, TokenInMemory

if TYPE_CHECKING:
    from pathlib import Path

    from continuum.backends.pool import Pool
    from continuum.chat import GlobalPrompt
    from continuum.config import BackendConfig, Config, ConfigStore
    from continuum.config.facts import Facts
    from continuum.core import Principal
    from continuum.prompts import Prompts, Reading
    from continuum.providers import ModelInfo
    from continuum.runtime.keyring import Keyring

__all__ = ["Instance"]

LOOK_AGAIN = 2.0
"""Seconds for a look at all backends that are out: one that has come up answers sooner."""

_log = logging.getLogger("continuum.admin")


class Instance:
    """What a transport needs: the configuration and where it is changed, who may call and how much, the engine over
    its pool, the global prompts, what was counted, and the models there are. draining: the process is about to end.
    owns_process: its logging and signals are ours, too. folder: where what outlives the process is kept; None: nothing
    does.
    """

    def __init__(
        self,
        store: ConfigStore,
        pool: Pool,
        keys: Keyring,
        prompts: Prompts,
        facts: Facts,
        *,
        owns_process: bool = False,
        folder: Path | None = None,
    ) -> None:
        self.store = store
        self.folder = folder
        self.admin_token = AdminToken(folder) if folder is not None else TokenInMemory()
        self.owns_process = owns_process
        self.keys = keys
        self.access = keys.access
        self.limits = Limits(store.config.rate_limiting, Buckets(trio.current_time), pool.meter)
        self.pool = pool
        self.prompts = prompts
        self.accounts = Accounting(store.config.metrics, pool.meter, facts)
        store.tell_to(self.accounts.changed)
        self.engine = Door(Engine(store.config, pool, self.limits, prompts, self.accounts))
        self.draining = False

    def make_engine(self, config: Config) -> Engine:
        """The engine that follows the one at work."""
        return Engine(config, self.pool, self.limits, self.prompts, self.accounts, follows=self.engine.engine)

    @property
    def config(self) -> Config:
        """The configuration in force: not to be kept, since it is replaced whole."""
        return self.store.config

    async def lend(self, backend: BackendConfig) -> None:
        """Have a backend in the place of the one of its name, or as one more, until the process ends. Returns once it
        was asked for its models where they are not configured (for a bounded time). Raises ConfigError.
        """
        await self.store.lend(backend)
        await self.pool.catalog.first_look()

    async def look_again(self) -> bool:
        """Take back in those of the backends that are out and answer now; whether there were any. For a person who has
        just started one, and should not have to wait until its time comes. Bounded.
        """
        out = [each for each in self.pool.backends if each.config.enabled and not each.health.usable]
        with trio.move_on_after(LOOK_AGAIN):
            async with trio.open_nursery() as nursery:
                for each in out:
                    nursery.start_soon(self.pool.monitor.ask_back_in, each)
        return any(each.health.usable for each in out)

    async def read_prompts(self) -> Reading:
        """Have what the prompt files hold now, in force on return; gives what was read."""
        reading = await trio.to_thread.run_sync(self.prompts.read)
        self.prompts.take(reading)
        return reading

    def prompt_for(self, model: str) -> GlobalPrompt | None:
        """The longest global prompt that a chat with this model may get: which it is, its backend decides."""
        return self.prompts.longest(model, self.config.routing.aliases.get(model, model))

    async def have_admin_token(self) -> None:
        """Have the token that administrators show. What keeps it from being written is told, and keeps them out."""
        try:
            await trio.to_thread.run_sync(self.admin_token.ensure)
        except OSError as fault:
            reason = fault.strerror or "I/O error"
            _log.warning("the admin token cannot be written, so it opens nothing: %s", reason)

    def close(self) -> None:
        """Let go of what is stored, and end subscriptions."""
        self.keys.close()
        self.store.close()

    @property
    def usable(self) -> bool:
        """Whether there is a backend that calls can go to now."""
        return any(each.models and each.health.usable for each in self.pool.backends if each.config.enabled)

    def models(self, principal: Principal = ANONYMOUS) -> list[ModelInfo]:
        """Every model and alias known now that this caller may use, in the configuration's order. What a server does
        not say of a window, the facts may.
        """
        listed = self.pool.catalog.models()
        found = {info.id: self._completed(info) for info in listed if principal.may_use(info.id)}
        for alias, target in self.config.routing.aliases.items():
            if target in found:
                found.setdefault(alias, replace(found[target], id=alias, owned_by="continuum"))
        return list(found.values())

    def _completed(self, info: ModelInfo) -> ModelInfo:
        if info.context_window is not None or (facts := self.accounts.facts.of(info.id)) is None:
            return info
        return replace(info, context_window=facts.context_window)

    def default_model(self) -> str | None:
        """The model for a caller who names none: routing.default_model, else the first there is."""
        if self.config.routing.default_model is not None:
            return self.config.routing.default_model
        models = self.models()
        return models[0].id if models else None
