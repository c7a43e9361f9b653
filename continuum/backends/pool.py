"""All live backends of one router, and the tasks that serve them: what a change of the configuration leaves alone goes
on as it was, what it takes away is let go when nobody uses it any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from continuum.backends.backend import Availability, Backend, Shared
from continuum.backends.catalog import Catalog
from continuum.backends.health import HealthMonitor
from continuum.backends.making import make_backend, retunable
from continuum.backends.resident import Resident
from continuum.backends.tally import Tally
from continuum.backends.tasks import open_tasks
from continuum.backends.transport import Contexts
from continuum.errors import ConfigError, ConfigProblem
from continuum.metrics import Meter
from continuum.resilience.breaker import Breakers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from continuum.backends.transport import HttpClient
    from continuum.config import BackendConfig, CircuitBreaker, Config, Retry

__all__ = ["Pool", "open_pool"]

_SOFT = frozenset({"enabled", "health_check", "max_in_flight", "models", "retry_override", "weight"})
"""Keys of a backend that change while it goes on: its connections, health, keys and counts stay."""


class Pool:
    """The backends, in the configuration's order, their catalog of models, who watches their health, their breakers.
    meter: of what happens in the whole router.
    """

    def __init__(
        self,
        config: Config,
        breakers: Breakers | None = None,
        *,
        watched: bool = True,
        client: HttpClient | None = None,
    ) -> None:
        """client: carries all requests but those to unix sockets. Raises ConfigError for certificates and proxies
        that cannot be used, all of them at once.
        """
        self.meter = Meter()
        self.availability = Availability()
        self.breakers = breakers or Breakers(config.circuit_breaker)
        self._tallies = defaultdict[str, Tally](Tally)
        self._contexts = Contexts()
        self._client = client
        self._watched = watched
        self._config = config
        self.backends = list(self._made(config, {}).values())
        self.catalog = Catalog(self.backends, ttl=config.cache.model_list_ttl, availability=self.availability)
        self.monitor = HealthMonitor(config.health_checks)
        self.retune_retries(config.retry)
        self._nursery: trio.Nursery | None = None
        self._residents = {backend: Resident(backend) for backend in self.backends}
        self._leaving: set[Resident] = set()

    def retune_breakers(self, section: CircuitBreaker) -> None:
        """Go by another section from now on."""
        if self.breakers.retune(section):
            self.availability.changed()

    def retune_retries(self, section: Retry) -> None:
        """Go by another section from now on."""
        for backend in self.backends:
            backend.retune(section)

    def prepare(self, config: Config) -> Mapping[str, Backend]:
        """The backends that a configuration needs and that are not here, by name; nothing is connected or started.
        Blocks. Raises ConfigError for certificates and proxies that cannot be used.
        """
        going_on = {
            backend.name: backend
            for backend in self.backends
            for entry in config.backends
            if entry.name == backend.name and self._goes_on(backend, entry, config)
        }
        return self._made(config, going_on)

    def swap(self, config: Config, made: Mapping[str, Backend], quiet: Callable[[], Awaitable[None]]) -> None:
        """Go by another configuration from now on. made: what `prepare` gave for it. quiet: returns when every call
        that began before has found its backend; then those that are gone are let go as their answers end.
        """
        before, known = self._config, {backend.name: backend for backend in self.backends}
        self._config = config
        restart = {backend for backend in self.backends if before.health_checks != config.health_checks}
        backends: list[Backend] = []
        for entry in config.backends:
            backend = made.get(entry.name)
            if backend is None:
                backend = known[entry.name]
                if backend.config != entry:
                    backend.reconfigure(entry)
                    restart.add(backend)
                backend.client.retune(config.timeouts)
                backend.side_client.retune(config.timeouts)
            backends.append(backend)
        self.backends = backends
        self.monitor = HealthMonitor(config.health_checks)
        self.breakers.keep({backend.name for backend in backends})
        self._tallies = defaultdict(Tally, ((backend.name, backend.tally) for backend in backends))
        self.catalog.replace(backends)
        self.retune_retries(config.retry)
        self._house(restart, quiet)

    def cut(self, name: str) -> None:
        """End what is still under way at backends of this name that are gone."""
        for resident in self._leaving:
            if resident.backend.name == name:
                resident.backend.cut()

    async def run(self) -> None:
        """Serve the backends. Lives until cancelled; leaving closes every connection and ends every managed server."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                for resident in self._residents.values():
                    self._start(nursery, resident)
                await trio.sleep_forever()
        finally:
            self._nursery = None
            with trio.CancelScope(shield=True):  # bounded: nothing here waits for a server
                for resident in [*self._residents.values(), *self._leaving]:
                    await resident.aclose()

    def _house(self, restart: set[Backend], quiet: Callable[[], Awaitable[None]]) -> None:
        """Tasks for those that are new, none for those that are gone; others look anew."""
        before = self._residents
        self._residents = {backend: before.get(backend) or Resident(backend) for backend in self.backends}
        nursery = self._nursery
        if nursery is None:
            return
        for backend, resident in before.items():
            if backend not in self._residents:
                self._leaving.add(resident)
                nursery.start_soon(self._see_off, resident, quiet)
            elif backend in restart:
                resident.stop_looking()
                nursery.start_soon(resident.look, self.catalog, self.monitor)
        for backend, resident in self._residents.items():
            if backend not in before:
                self._start(nursery, resident)

    def _start(self, nursery: trio.Nursery, resident: Resident) -> None:
        nursery.start_soon(resident.serve)
        if self._watched:
            nursery.start_soon(resident.look, self.catalog, self.monitor)

    async def _see_off(self, resident: Resident, quiet: Callable[[], Awaitable[None]]) -> None:
        resident.look_no_more()
        await quiet()
        await resident.backend.until_unused()
        await resident.aclose()
        self._leaving.discard(resident)

    def _goes_on(self, backend: Backend, entry: BackendConfig, config: Config) -> bool:
        """Whether the live object can be that of this entry, too."""
        hard = (name for name in type(entry).model_fields if name not in _SOFT)
        if any(getattr(backend.config, name) != getattr(entry, name) for name in hard):
            return False
        now, then = self._config.timeouts, config.timeouts
        return retunable(entry, self._client) or (now.idle, now.connection) == (then.idle, then.connection)

    def _made(self, config: Config, but: Mapping[str, Backend]) -> dict[str, Backend]:
        made, problems = dict[str, Backend](), list[ConfigProblem]()
        for number, entry in enumerate(config.backends):
            if entry.name in but:
                continue
            shared = self._shared(entry.name)
            try:
                made[entry.name] = make_backend(number, config, self._contexts, shared, self._client)
            except ConfigError as fault:
                problems += fault.problems
        if problems:
            raise ConfigError(problems)
        return made

    def _shared(self, backend: str) -> Shared:
        return Shared(self.availability, self.breakers.of(backend), self._tallies[backend], self.meter)


@asynccontextmanager
async def open_pool(config: Config, *, breakers: Breakers | None = None, watched: bool = True) -> AsyncGenerator[Pool]:
    """The pool at work. breakers: those of the pool that this one follows. watched: its lists of models are kept
    fresh and its backends are probed; else nothing is asked but by the caller.

    Raises ConfigError for certificates and proxies that cannot be used.
    """
    pool = Pool(config, breakers, watched=watched)
    async with open_tasks(pool.run):
        yield pool
