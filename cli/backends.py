"""`continuum backends list|probe`: what is configured, and what each answers. No router is started for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import click
import trio

from continuum.config.types import nearest

from .choosing import chooses_configuration, patience
from .completing import backend_names
from .examining import Examination, as_json, examine, states
from .output import Cell, Table, print_json, show
from .progress import with_progress
from .setting_up import set_up_to_look

if TYPE_CHECKING:
    from continuum.config import BackendConfig, Config

    from .options import Options
    from .shapes import BackendEntry, Backends, Probes

__all__ = ["backends"]

FAILED = 1


@click.group()
def backends() -> None:
    """List the backends, or ask each for a sign of life."""


@backends.command("list")
@click.option("--json", "as_json_", is_flag=True, help="JSON for programs.")
@chooses_configuration
def list_(options: Options, *, as_json_: bool) -> None:
    """List what is configured. Asks no backend."""
    config = set_up_to_look(options).config
    if as_json_:
        listed: Backends = {"backends": [_entry(each) for each in config.backends]}
        print_json(listed)
        return
    if not config.backends:
        click.echo("no backends: see continuum doctor")
        return
    show(Table([_row(each) for each in config.backends], ("name", "type", "models", "keys", "weight", "", "url")))


def _entry(backend: BackendConfig) -> BackendEntry:
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
    }


def _row(backend: BackendConfig) -> Sequence[Cell | str]:
    entry = _entry(backend)
    marks = [mark for mark, there in (("disabled", not entry["enabled"]), ("managed", entry["managed"])) if there]
    models = "asked" if entry["models"] is None else str(len(entry["models"]))
    counts = [str(entry["keys"]), str(entry["weight"])]
    rest = (Cell(", ".join(marks), "dim"), Cell(entry["url"], "dim"))
    return (Cell(entry["name"], "strong"), entry["type"], models, *counts, *rest)


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
