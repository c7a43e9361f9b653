"""What a machine without a configuration has: keys in its environment, servers on loopback, the embedded model.

Finds and tells; writes nothing, and makes no configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from continuum.backends import local
from continuum.backends.loopback import PATIENCE, Look, look_around
from continuum.config.address import TcpAddress
from continuum.config.overlay import Overlay
from continuum.config.url import parse_url
from continuum.providers import DEFAULT, PROVIDERS, Loopback, Provider, Variables

__all__ = ["PLACES", "Discovery", "Finding", "FoundBackend", "Place", "describe", "discover", "rows"]

_OURSELVES = "continuum"
_ORIGIN = "zero configuration"


@dataclass(frozen=True, slots=True)
class Place:
    """A port of this machine where a kind of server is usually found."""

    mark: Loopback
    provider: Provider

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.mark.port}"


PLACES: tuple[Place, ...] = tuple(Place(mark, row) for row in PROVIDERS.values() for mark in row.loopback)
"""Where to look on loopback, read off the providers."""


@dataclass(frozen=True, slots=True)
class FoundBackend:
    """A backend to be: its keys with their values, and which of them come from a variable."""

    values: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def name(self) -> str:
        """Its name."""
        return self.values["name"]

    def as_written(self) -> dict[str, str]:
        """As a file would say it: what comes from a variable stays a reference to it."""
        return {**self.values, **{key: f"${{{variable}}}" for key, variable in self.variables.items()}}


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the table: where was looked, and what came of it."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found and what was not."""

    backends: tuple[FoundBackend, ...]
    findings: tuple[Finding, ...]
    embedded: bool = False

    def overlay(self) -> Overlay:
        """The backends as a layer that knows which variable gave which value, so that faults name it."""
        made = Overlay()
        for index, backend in enumerate(self.backends):
            for key, value in backend.values.items():
                made.put(("backends", index, key), value, backend.variables.get(key, _ORIGIN))
        return made


async def discover(
    environ: Mapping[str, str], *, places: Iterable[Place] = PLACES, patience: float = PATIENCE
) -> Discovery:
    """Look once, everywhere at the same time. patience: seconds that each server on loopback gets."""
    keyed = [(row, _variables_set(row, environ)) for row in PROVIDERS.values() if row.variables]
    named = [_from_environment(row, names, environ) for row, names in keyed if names is not None]
    near = {url: port for each in named for url, port in _on_loopback(each)}
    places = [place for place in places if place.mark.port not in near.values()]
    looks = await look_around([*near, *(place.url for place in places)], patience)

    found: list[FoundBackend] = []
    findings: list[Finding] = []

    def learn(where: str, backend: FoundBackend | None, what: str) -> None:
        findings.append(Finding(where, what))
        if backend is not None:
            found.append(backend)

    for row, names in keyed:
        backend = next((each for each in named if each.name == row.name), None)
        if backend is None or names is None:
            learn(" or ".join(each.key for each in row.variables), None, "not set")
        elif fault := _why_not(backend, row, names, looks):
            learn(names.key, None, f"not used: {fault}")
        else:
            learn(names.key, backend, _used(backend))
    for place in places:
        made, what = _judge(place, looks[place.url], {each.name for each in found})
        learn(f"{place.mark.title} (port {place.mark.port})", made, what)
    embedded, what = _embedded(wanted=not found)
    learn("embedded model", None, what)
    return Discovery(tuple(found), tuple(findings), embedded)


def _variables_set(row: Provider, environ: Mapping[str, str]) -> Variables | None:
    return next((each for each in row.variables if environ.get(each.key, "").strip()), None)


def _from_environment(row: Provider, names: Variables, environ: Mapping[str, str]) -> FoundBackend:
    url = next((each for each in names.urls if environ.get(each)), "")
    candidates = {"url": url, "api_key": names.key, **names.more}
    variables = {key: variable for key, variable in candidates.items() if environ.get(variable)}
    values = {key: environ[variable] for key, variable in variables.items()}
    return FoundBackend({"name": row.name, "type": row.name, **values}, variables)


def _on_loopback(backend: FoundBackend) -> Iterator[tuple[str, int]]:
    """URL and port, where its URL is a plain http one of this machine; a faulty one is told when it is used."""
    try:
        parts = parse_url(backend.values.get("url", ""))
    except ValueError:
        return
    if parts.scheme == "http" and TcpAddress(parts.host, 0).loopback:
        yield parts.base, parts.port or 80


def _why_not(backend: FoundBackend, row: Provider, names: Variables, looks: Mapping[str, Look]) -> str:
    url = backend.variables.get("url")
    if url is None:
        return "" if row.default_url else f"{' or '.join(names.urls)} is not set"
    for near, _ in _on_loopback(backend):
        if looks[near].server == _OURSELVES:
            return f"{url} is another Continuum"
        if not looks[near].there:  # it may be our own address, before we listen: then calls would never end
            return f"nothing answers at {url}"
    return ""


def _used(backend: FoundBackend) -> str:
    url = backend.variables.get("url")
    return f"backend {backend.name} at {url}" if url else f"backend {backend.name}"


def _judge(place: Place, look: Look, taken: set[str]) -> tuple[FoundBackend | None, str]:
    """The backend at a place, if one is to be made, and what to say."""
    if look.server == _OURSELVES:
        return None, "another Continuum, not used"
    if look.models is None:
        kind = next((each for each in PLACES if each.mark.server and each.mark.server == look.server), None)
        if kind is None or look.status != 503:
            return None, _why_no_backend(look)
        backend = _at(place, kind, taken)
        return backend, f"backend {backend.name}, still loading"
    owners = {model.owned_by for model in look.models} - {""}
    kind = next((each for each in PLACES if each.mark.owner in owners), None)
    backend = _at(place, kind, taken)
    return backend, f"backend {backend.name} ({describe(look)})"


def describe(look: Look) -> str:
    """What was seen at a place, in a few words."""
    if look.server == _OURSELVES:
        return "another Continuum"
    if look.models is not None:
        count = len(look.models)
        return f"{count} {'model' if count == 1 else 'models'}"
    return _why_no_backend(look)


def _why_no_backend(look: Look) -> str:
    if not look.there:
        return "nothing answers"
    if look.late:
        return "does not answer in time"
    if look.status in {401, 403}:
        return "wants a key: write it into a configuration file"
    return "something else answers"


def _at(place: Place, kind: Place | None, taken: set[str]) -> FoundBackend:
    name = re.sub(r"[^a-z0-9]", "", kind.mark.title.lower()) if kind else "server"
    if kind is None or name in taken:
        name = f"{name}-{place.mark.port}"
    return FoundBackend({"name": name, "type": (kind.provider if kind else DEFAULT).name, "url": place.url})


def _embedded(*, wanted: bool) -> tuple[bool, str]:
    if not wanted:
        return False, "not needed; --local uses it alone"
    try:
        local.check()
    except local.LocalModelError as fault:
        return False, fault.message
    return True, f"{local.MODEL_ID}, for demonstration"


def rows(findings: Iterable[Finding]) -> Iterator[str]:
    """The table as lines of text."""
    table = list(findings)
    width = max((len(each.where) for each in table), default=0)
    for each in table:
        yield f"{each.where:{width}}  {each.what}"
