"""`continuum backends list|probe`: what is configured and how a running router sees it; what each answers. No router
is started for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import trio

from continuum.config.types import nearest

from .api import URL_VARIABLE, AdminRefused, api_of, greeted
from .choosing import chooses_configuration, patience
from .completing import backend_names
from .examining import Examination, as_json, examine, states
from .output import Cell, Table, print_json, show
from .progress import with_progress
from .setting_up import set_up_to_look

if TYPE_CHECKING:
    from continuum.config import BackendConfig, Config

    from .options import Options
    from .output import Tone
    from .shapes import BackendEntry, Backends, LiveState, Probes

__all__ = ["backends"]

FAILED = 1


@click.group()
def backends() -> None:
    """List the backends, or ask each for a sign of life."""


class _Running(NamedTuple):
    """The router that was asked, None where none runs, and how it sees backends, by name."""

    url: str | None
    seen: Mapping[str, LiveState]


@backends.command("list")
@click.option("--url", envvar=URL_VARIABLE, metavar="URL", help="The running router; else the configuration's address.")
@click.option("--json", "as_json_", is_flag=True, help="JSON for programs.")
@chooses_configuration
def list_(options: Options, url: str | None, *, as_json_: bool) -> None:
    """List what is configured; where a router runs, also who is ejected there, and why. Asks no backend."""
    config = set_up_to_look(options).config
    running = _ask_router(config, url)
    entries = [_entry(each, running.seen.get(each.name)) for each in config.backends]
    if as_json_:
        listed: Backends = {"router": running.url, "backends": entries}
        print_json(listed)
        return
    if not entries:
        click.echo("no backends: see continuum doctor")
        return
    state = ("state",) if running.seen else ()
    rows = [_row(each, with_state=bool(state)) for each in entries]
    show(Table(rows, ("name", "type", "models", "keys", "weight", *state, "", "url")))


def _ask_router(config: Config, url: str | None) -> _Running:
    """Raises AdminRefused where a router that was named does not answer; one that was not named need not be there."""
    if url is not None:
        return _Running(url, _seen(api_of(config, url, as_json=False).call("GET", "/backends")))
    api = greeted(config)
    if api is None:
        return _Running(None, {})
    try:
        return _Running(api.url, _seen(api.call("GET", "/backends")))
    except AdminRefused as refusal:
        click.echo(f"continuum: the router at {api.url} does not tell how it sees them: {refusal.message}", err=True)
        return _Running(None, {})


def _seen(answer: Mapping[str, Any]) -> dict[str, LiveState]:
    return {each["name"]: _live(each) for each in answer["backends"]}


def _live(shown: Mapping[str, Any]) -> LiveState:
    ejected: Mapping[str, Any] = shown.get("ejected") or {}
    circuit: Mapping[str, Any] = shown.get("circuit") or {}  # a router of an earlier release has none of both
    return {
        "health": shown["health_status"],
        "circuit": shown["circuit_state"],
        "consecutive_failures": circuit.get("consecutive_failures", 0),
        "in_flight": shown["in_flight"],
        "ejected": ejected.get("reason"),
        "tried_in": ejected.get("seconds"),
    }


def _state(live: LiveState | None) -> Cell:
    """In words."""
    if live is None:
        return Cell("not there", "odd")
    tone: Tone = "good" if live["health"] == "healthy" else ""
    if live["ejected"] is not None:
        return Cell(f"{live['ejected'].replace('_', ' ')}, tried in {live['tried_in']:.0f} s", "bad")
    return Cell("on trial", "odd") if live["circuit"] == "half_open" else Cell(live["health"], tone)


def _entry(backend: BackendConfig, live: LiveState | None) -> BackendEntry:
    models = [entry.id for entry in backend.entries]
    return {
        "name": backend.name,
        "type": backend.type,
        "url": backend.base,
        "enabled": backend.enabled,
        "managed": backend.managed is not None,
        "models": models or None,
        "keys": len(backend.keys),
        "weight": backend.weight,
        "live": live,
    }


def _row(entry: BackendEntry, *, with_state: bool) -> Sequence[Cell | str]:
    marks = [mark for mark, there in (("disabled", not entry["enabled"]), ("managed", entry["managed"])) if there]
    models = "asked" if entry["models"] is None else str(len(entry["models"]))
    counts = [str(entry["keys"]), str(entry["weight"])]
    state = [_state(entry["live"])] if with_state else []
    rest = (Cell(", ".join(marks), "dim"), Cell(entry["url"], "dim"))
    return (Cell(entry["name"], "strong"), entry["type"], models, *counts, *state, *rest)


@backends.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=backend_names)
@click.option("--start", is_flag=True, help="Start managed servers that are not running, to ask them.")
@patience
@click.option("--json", "as_json_", is_flag=True, help="JSON for programs.")
@chooses_configuration
def probe(options: Options, names: tuple[str, ...], *, start: bool, timeout: float, as_json_: bool) -> None:
    """Ask backends for their models and for a sign of life, all at once; NAME asks only that one.

    Exit status 1 when something is wrong with one of them.
    """
    setup = set_up_to_look(options)
    _must_exist(names, setup.config)
    wanted = set(names) or None
    work = partial(examine, setup, patience=timeout, names=wanted, start=start)
    found: Examination = trio.run(with_progress, "asking the backends", work)
    shown = [as_json(each) for each in found.seen]
    ok = not any(each["problems"] for each in shown)
    if as_json_:
        probes: Probes = {"ok": ok, "backends": shown}
        print_json(probes)
    elif shown:
        show(*states(shown))
    else:
        click.echo("no backends: see continuum doctor")
    if not ok:
        raise click.exceptions.Exit(FAILED)


def _must_exist(names: Sequence[str], config: Config) -> None:
    known = [each.name for each in config.backends]
    for name in names:
        if name not in known:
            raise click.UsageError(f"there is no backend {name!r}{nearest(name, known)}")
