"""Which models there are and which backends serve each: configured, and asked of the servers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import trio

from continuum.errors import ContinuumError, UpstreamFailed
from continuum.providers import PROVIDERS, ModelInfo, detect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from continuum.backends.backend import Availability, Backend

__all__ = ["Catalog", "Served", "ask_for_models"]

_log = logging.getLogger("continuum.backends")

REFRESH_EMPTY = 5.0
"""Seconds between two looks at a server of which no model is known."""

SHORTEST_TTL = 0.1
"""The same, at the least: 0 in the configuration is no reason to do nothing else."""

ASK_TIMEOUT = 10.0
FIRST_LOOK = 2.0
"""Seconds that starting waits for the first look at all servers."""


class Served(NamedTuple):
    """A backend that serves a model, and the name by which its server knows it."""

    backend: Backend
    upstream: str

    @property
    def name(self) -> str:
        """The backend's name."""
        return self.backend.name


class Catalog:
    """The models of all enabled backends. `follow` keeps it fresh.

    ttl: seconds between two looks at what a server serves.
    """

    def __init__(self, backends: Sequence[Backend], *, ttl: float, availability: Availability) -> None:
        self._ttl = max(ttl, SHORTEST_TTL)
        self._availability = availability
        self._discovered: dict[Backend, dict[str, ModelInfo]] = {}
        self._asked: dict[Backend, trio.Event] = {}
        self._served: dict[str, list[Served]] = {}
        self.replace(backends)

    def replace(self, backends: Sequence[Backend]) -> None:
        """Go by these from now on; of those that were there before, what was found out stays."""
        self._backends = [backend for backend in backends if backend.config.enabled]
        self._by_name = {backend.name: backend for backend in self._backends}
        unlisted = [backend for backend in self._backends if not backend.config.entries]
        known = self._asked
        self._asked = {backend: known[backend] if backend in known else trio.Event() for backend in unlisted}
        self._discovered = {backend: self._discovered[backend] for backend in unlisted if backend in self._discovered}
        self._index()

    @property
    def empty(self) -> bool:
        """Whether there is no backend at all."""
        return not self._backends

    def models(self) -> list[ModelInfo]:
        """Every model once, in the order of the configuration."""
        found: dict[str, ModelInfo] = {}
        for backend in self._backends:
            known = self._discovered.get(backend, {})
            for model in backend.models:
                found.setdefault(model, known.get(model) or ModelInfo(model, backend.name))
        return list(found.values())

    def serving(self, model: str) -> list[Served]:
        """The backends that serve `model`, which may be `backend/model` to name one of them."""
        served = self._served.get(model)
        if served is not None:
            return served
        name, slash, rest = model.partition("/")
        backend = self._by_name.get(name) if slash else None
        if backend is None or rest not in backend.models:
            return []
        return [Served(backend, backend.models[rest])]

    async def first_look(self) -> None:
        """Return once every server was asked once, at most FIRST_LOOK seconds from now."""
        with trio.move_on_after(FIRST_LOOK):
            for asked in self._asked.values():
                await asked.wait()

    async def look(self, backend: Backend) -> list[str]:
        """Ask one server now which models it lists, and what it is; what is found is taken into account. Raises
        ContinuumError.
        """
        base = backend.address()
        if base is None:
            raise UpstreamFailed("the server does not run")
        body = await _list_at(backend, base)
        self.learn(backend, body)
        return [info.id for info in PROVIDERS[backend.config.type].read_models(body)]

    async def follow(self, backend: Backend) -> None:
        """Ask a server whose models or kind are not configured, again and again, until cancelled; return at once
        where there is nothing to ask.
        """
        listed = backend in self._asked
        if not backend.config.enabled or not (listed or PROVIDERS[backend.config.type].detected):
            return
        if listed and backend in self._discovered:  # it was asked before
            await trio.sleep(self._pause(backend))
        told = ""
        while True:
            try:
                self.learn(backend, await _ask(backend, start=listed and not backend.models))
                told = ""
            except ContinuumError as fault:
                if fault.message != told:  # once, not at every look
                    say = _log.warning if listed else _log.debug  # nobody misses what is configured
                    say("backend %s: models not listed: %s", backend.name, fault.message)
                told = fault.message
            if (asked := self._asked.get(backend)) is not None:  # it may have gone while it answered
                asked.set()
            await trio.sleep(self._pause(backend))

    def _pause(self, backend: Backend) -> float:
        return self._ttl if backend.models else min(REFRESH_EMPTY, self._ttl)

    def learn(self, backend: Backend, body: bytes) -> None:
        """Take in what a server says of its models: which there are, unless they are configured, and what it is.
        Raises UpstreamProtocolError for what is no list of models.
        """
        configured = PROVIDERS[backend.config.type]
        if configured.detected:
            found = detect(body) or configured
            if found is not backend.provider:
                backend.adopt(found)
                _log.debug("backend %s is treated as of type %s", backend.name, found.name)
        if backend in self._asked:
            self._list(backend, configured.read_models(body))

    def _list(self, backend: Backend, found: Iterable[ModelInfo]) -> None:
        self._discovered[backend] = {info.id: info for info in found}
        models = {model: model for model in self._discovered[backend]}
        if models != backend.models:
            backend.models = models
            self._index()

    def _index(self) -> None:
        served: dict[str, list[Served]] = {}
        for backend in self._backends:
            for model, upstream in backend.models.items():
                served.setdefault(model, []).append(Served(backend, upstream))
        self._served = served
        self._availability.changed()


async def _ask(backend: Backend, *, start: bool) -> bytes:
    """What the server says of its models. start: a managed one is started for it; else its next run is awaited."""
    if start:
        base = await backend.acquire()
        try:
            return await _list_at(backend, base)
        finally:
            backend.release()
    while (running := backend.address()) is None:
        if backend.managed is not None:
            await backend.managed.until("ready")
    return await _list_at(backend, running)


async def _list_at(backend: Backend, base: str) -> bytes:
    with trio.move_on_after(ASK_TIMEOUT):
        status, body = await ask_for_models(backend, base)
        if status != 200:
            raise UpstreamFailed(f"the server answered {status}")
        return body
    raise UpstreamFailed("the server did not answer in time")


async def ask_for_models(backend: Backend, base: str, key: int | None = None) -> tuple[int, bytes]:
    """The status and, for 200, the body of the list of models. key: number of the key to use; None: any awake one.
    The caller bounds the time. Raises UpstreamError.
    """
    async with await backend.look(base, PROVIDERS[backend.config.type].models_path, key) as response:
        return response.status, await response.read() if response.status == 200 else b""
