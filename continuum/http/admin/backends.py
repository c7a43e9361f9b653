"""Backends over HTTP: the section's entries one by one, with what is going on with each. Every write is a commit of the
section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import trio

from continuum.config.edit import replaced
from continuum.config.plain import is_mapping
from continuum.config.view import masked
from continuum.errors import BackendExists, BackendNotFound, ConfigError, ConfigProblem, ContinuumError
from continuum.http.admin.backend_view import health_status, short, whole
from continuum.http.admin.bodies import Models, Weight
from continuum.http.admin.ground import safe_name
from continuum.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from continuum.backends.backend import Backend as Live
    from continuum.config import BackendConfig
    from continuum.config.edit import Base, Edit
    from continuum.http.admin.answers.backends import (
        Backend,
        BackendAdded,
        BackendList,
        BackendRemoved,
        BackendShort,
        ModelsSet,
        Probed,
        WeightSet,
    )
    from continuum.http.admin.ground import Ground
    from continuum.http.admin.request import Request
    from continuum.resilience.health import HealthState

__all__ = ["add", "change", "listing", "one", "probe", "remove", "set_models", "set_weight"]

_SECTION: Final = "backends"
_LIVE: Final = ("health_status", "stats", "circuit_state", "circuit", "ejected", "in_flight", "ttft_ms")
"""What a look at a backend shows beside its configuration; ignored when it comes back."""

Entries = list[Any]


async def listing(ground: Ground, request: Request) -> BackendList:
    """Every backend."""
    del request
    config = ground.store.current.config
    live = _live(ground)
    shown = [
        whole(entry, view, live.get(entry.name))
        for entry, view in zip(config.backends, masked(config)[_SECTION], strict=True)
    ]
    return {"backends": shown, "total": len(shown)}


async def one(ground: Ground, request: Request) -> Backend:
    """One backend."""
    config, name = ground.store.current.config, request.names["name"]
    index = _index(config.backends, name)
    return whole(config.backends[index], masked(config)[_SECTION][index], _live(ground).get(name))


async def add(ground: Ground, request: Request) -> BackendAdded:
    """Add a backend."""
    sent = _sent(request.body)
    name = sent.get("name")
    if name is None:
        raise ConfigError([ConfigProblem("is required", "name")])

    def with_it(entries: Entries, base: Base) -> Entries:
        if any(entry.name == name for entry in base.config.backends):
            raise BackendExists(str(name))
        request.below = f"{_SECTION}.{len(entries)}"
        return [*entries, sent]

    await _commit(ground, request, with_it, f"Backend {safe_name(name)} added")
    return {
        "success": True,
        "message": f"Backend '{name}' added successfully",
        "backend": _short(ground, str(name), "unknown"),
    }


async def change(ground: Ground, request: Request) -> BackendAdded:
    """Change some of a backend's keys."""
    name, sent = request.names["name"], _sent(request.body)
    _index(ground.store.current.config.backends, name)
    if sent.get("name", name) != name:
        raise ConfigError([ConfigProblem(f"must stay '{safe_name(name)}': a backend is not renamed", "name")])

    def changed(entries: Entries, base: Base) -> Entries:
        index = _index(base.config.backends, name)
        request.below = f"{_SECTION}.{index}"
        given = _as_stored(sent, base.config.backends[index], _live(ground).get(name))
        entry = {**base.stored[_SECTION][index], **given}
        entries[index] = {key: value for key, value in entry.items() if value is not None or key not in sent}
        return entries

    await _commit(ground, request, changed, f"Backend {name} updated")
    return {
        "success": True,
        "message": f"Backend '{name}' updated successfully",
        "backend": _short(ground, name, health_status(_live(ground).get(name))),
    }


async def remove(ground: Ground, request: Request) -> BackendRemoved:
    """Remove a backend. Requests that run on it finish, unless they are to be cut."""
    name, force = request.names["name"], request.flag("force")

    def without(entries: Entries, base: Base) -> Entries:
        del entries[_index(base.config.backends, name)]
        return entries

    await _commit(ground, request, without, f"Backend {name} removed")
    if force:
        ground.instance.pool.cut(name)
    return {"success": True, "message": f"Backend '{name}' removed successfully", "removed_backend": name}


async def set_weight(ground: Ground, request: Request) -> WeightSet:
    """Set a backend's share."""
    name = request.names["name"]
    before = ground.store.current.config.backends[_index(ground.store.current.config.backends, name)].weight
    weight = request.shaped(Weight).weight

    def changed(entries: Entries, base: Base) -> Entries:
        return _with(entries, base, name, "weight", weight)

    await _commit(ground, request, changed, f"Backend {name}: weight {weight}")
    return {
        "success": True,
        "message": f"Backend '{name}' weight updated to {weight}",
        "previous_weight": before,
        "new_weight": weight,
    }


async def set_models(ground: Ground, request: Request) -> ModelsSet:
    """Set a backend's models, or add some."""
    name = request.names["name"]
    _index(ground.store.current.config.backends, name)
    asked = request.shaped(Models)

    def changed(entries: Entries, base: Base) -> Entries:
        index = _index(base.config.backends, name)
        request.below = f"{_SECTION}.{index}"
        kept: list[Any] = entries[index].get("models", []) if asked.append else []
        return _with(entries, base, name, "models", _without_doubles([*kept, *asked.models]))

    await _commit(ground, request, changed, f"Backend {name}: models")
    config = ground.store.current.config
    models = masked(config)[_SECTION][_index(config.backends, name)]["models"]
    return {"success": True, "message": f"Backend '{name}' models updated", "models": models}


async def probe(ground: Ground, request: Request) -> Probed:
    """Ask a backend for a sign of life, and for its models, now."""
    name = request.names["name"]
    _index(ground.store.current.config.backends, name)
    live = _live(ground).get(name)
    answer: Probed = {
        "name": name,
        "health_status": health_status(live),
        "latency_ms": 0.0,
        "models": [],
        "detected_type": live.provider.name if live is not None else "",
    }
    if live is None:
        return {**answer, "error": "the backend is not at work"}
    began = trio.current_time()
    found = await ground.instance.pool.monitor.check(live)
    answer["latency_ms"] = round((trio.current_time() - began) * 1000, 1)
    if found is None:
        return {**answer, "error": "its server does not run: it is started for the first request"}
    try:
        models = await ground.instance.pool.catalog.look(live)
    except ContinuumError as fault:
        models = list(live.models)
        answer["error"] = fault.message
    if not live.health.usable:
        answer["error"] = found.said
    return {**answer, "health_status": health_status(live), "models": models, "detected_type": live.provider.name}


async def _commit(ground: Ground, request: Request, make: Callable[[Entries, Base], Entries], description: str) -> None:
    """Commit the section with its entries as `make` leaves them; those that it leaves alone are stored as they were."""

    def change(base: Base) -> Mapping[str, Edit]:
        entries = [dict(entry) for entry in base.stored[_SECTION]]
        return {_SECTION: replaced(base, _SECTION, make(entries, base))}

    request.below = request.below or _SECTION
    await ground.write(request, change, description)


def _sent(body: Any) -> dict[str, Any]:
    if not is_mapping(body):
        raise ConfigError([ConfigProblem("the body must be a JSON object")])
    return {key: value for key, value in body.items() if key not in _LIVE}


def _as_stored(sent: Mapping[str, Any], entry: BackendConfig, live: Live | None) -> dict[str, Any]:
    """What was sent, less what a look shows in place of what is written: the detected type, a default URL."""
    given = dict(sent)
    if live is not None and given.get("type") == live.provider.name:
        given["type"] = entry.type
    if entry.url is None and given.get("url") == PROVIDERS[entry.type].default_url:
        given.pop("url", None)
    return given


def _with(entries: Entries, base: Base, name: str, key: str, value: Any) -> Entries:
    index = _index(base.config.backends, name)
    entries[index] = {**entries[index], key: value}
    return entries


def _without_doubles(models: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for model in models:
        if model not in kept:
            kept.append(model)
    return kept


def _index(backends: list[BackendConfig], name: str) -> int:
    """Where a backend stands. Raises BackendNotFound."""
    for index, entry in enumerate(backends):
        if entry.name == name:
            return index
    raise BackendNotFound(safe_name(name))


def _live(ground: Ground) -> dict[str, Live]:
    return {backend.name: backend for backend in ground.instance.pool.backends}


def _short(ground: Ground, name: str, health: HealthState) -> BackendShort:
    config = ground.store.current.config
    index = _index(config.backends, name)
    return short(config.backends[index], masked(config)[_SECTION][index], _live(ground).get(name), health)
