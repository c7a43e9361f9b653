"""`continuum models`: what a client would be offered, as far as the backends answer now."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import click
import trio

from .choosing import chooses_configuration, patience
from .examining import as_json, examine
from .output import Cell, Table, print_json, show
from .progress import with_progress
from .setting_up import set_up_to_look

if TYPE_CHECKING:
    from continuum.backends.catalog import Catalog
    from continuum.config import Config

    from .examining import Seen
    from .options import Options
    from .shapes import AliasedModel, Failure, Models

__all__ = ["models"]

FAILED = 1


@click.command()
@patience
@click.option("--json", "as_json_", is_flag=True, help="JSON for programs.")
@chooses_configuration
def models(options: Options, *, timeout: float, as_json_: bool) -> None:
    """List the models there are, and the backends that serve each. Asks those whose models are not configured.

    Exit status 1 when there is none.
    """
    setup = set_up_to_look(options)
    asked = {each.name for each in setup.config.backends if each.enabled and not each.entries}
    examination = trio.run(with_progress, "asking the backends", partial(examine, setup, patience=timeout, names=asked))
    listed = list(_models(examination.catalog, setup.config))
    failed = [failure for seen in examination.seen for failure in _failures(seen)]
    default = setup.config.routing.default_model or (listed[0]["id"] if listed else None)
    if as_json_:
        shape: Models = {"default": default, "models": listed, "failed": failed}
        print_json(shape)
    else:
        _show(listed, failed, default)
    if not listed:
        raise click.exceptions.Exit(FAILED)


def _models(catalog: Catalog, config: Config) -> Iterator[AliasedModel]:
    known = {info.id: info for info in catalog.models()}
    for info in known.values():
        backends = [served.name for served in catalog.serving(info.id)]
        yield {"id": info.id, "backends": backends, "alias_of": None, "context_window": info.context_window}
    for alias, target in config.routing.aliases.items():
        backends = [served.name for served in catalog.serving(target)]
        if backends and alias not in known:
            window = known[target].context_window if target in known else None
            yield {"id": alias, "backends": backends, "alias_of": target, "context_window": window}


def _failures(seen: Seen) -> Iterator[Failure]:
    for finding in as_json(seen)["problems"]:
        yield {"backend": seen.backend.name, "what": finding["what"], "mend": finding["mend"]}


def _show(listed: list[AliasedModel], failed: list[Failure], default: str | None) -> None:
    rows = [
        (
            Cell(each["id"], "strong"),
            ", ".join(each["backends"]),
            "" if each["context_window"] is None else str(each["context_window"]),
            Cell(", ".join(_remarks(each, default)), "dim"),
        )
        for each in listed
    ]
    if rows:
        show(Table(rows, ("model", "backends", "context", "")))
    else:
        click.echo("no models: see continuum doctor")
    for each in failed:
        click.echo(f"continuum: backend {each['backend']}: {each['what']}; {each['mend']}", err=True)


def _remarks(model: AliasedModel, default: str | None) -> Iterator[str]:
    if model["alias_of"] is not None:
        yield f"alias of {model['alias_of']}"
    if model["id"] == default:
        yield "default"
