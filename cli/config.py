"""`continuum config …`: look at a configuration without starting anything. Reads files; opens no socket."""

import json
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from continuum.config import Config, files, from_mapping, json_schema, load, masked, overlay, warnings
from continuum.config.codec import dump
from continuum.errors import ConfigError

__all__ = ["config"]

FAULTY = 2
"""Exit status for a configuration that cannot be used."""

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def config() -> None:
    """Check, show or describe the configuration."""


def _reads_configuration(command: F) -> F:
    """Give a command the options that choose a configuration; tell its faults, a line each, and exit 2."""

    @click.option("--config", "named", metavar="PATH", help="Configuration file; absent: the first that is found.")
    @click.option("--set", "settings", metavar="SECTION.KEY=VALUE", multiple=True, help="Lay one value over the file.")
    @wraps(command)
    def telling(named: str | None, settings: tuple[str, ...], **options: object) -> object:
        try:
            path, effective = _effective(named, settings)
        except ConfigError as error:
            click.echo(str(error), err=True)
            raise click.exceptions.Exit(FAULTY) from None
        return command(path, effective, **options)

    return telling  # type: ignore[return-value]


def _effective(named: str | None, settings: tuple[str, ...]) -> tuple[Path | None, Config]:
    path = files.find(named, os.environ, Path.cwd())
    laid_over = overlay.merge(overlay.from_environ(os.environ), overlay.from_sets(settings))
    if path is None:
        return None, from_mapping({}, overlay=laid_over)
    return path, load(path, environ=os.environ, overlay=laid_over)


@config.command()
@_reads_configuration
def check(path: Path | None, effective: Config) -> None:
    """Say whether the configuration is usable: one line, or every fault and exit status 2."""
    for warning in warnings(effective):
        click.echo(f"warning: {warning}", err=True)
    count = len(effective.backends)
    click.echo(f"ok: {path or 'no configuration file'} ({count} {'backend' if count == 1 else 'backends'})")


@config.command()
@click.option("--json", "as_json", is_flag=True, help="JSON instead of YAML.")
@_reads_configuration
def show(path: Path | None, effective: Config, *, as_json: bool) -> None:
    """Print the configuration in force: file, variables, options and defaults, secrets masked."""
    data = masked(effective)
    if as_json:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        click.echo(f"# {path or 'no configuration file'}, with what is laid over it and every default; secrets masked")
        click.echo(dump(data), nl=False)


@config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file."""
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
