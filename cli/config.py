"""`continuum config …`: write, judge and show a configuration without starting anything.

Reads files; where there is none, looks at what the machine has, as a start would.
"""

import json
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
import trio

from continuum.config import client_keys, from_mapping, json_schema, markdown, masked, warnings
from continuum.config.codec import dump
from continuum.errors import ConfigError, ConfigProblem
from continuum.runtime import Setup, discover, outline, set_up

from .options import Options
from .setting_up import choice, table

__all__ = ["config"]

FAULTY = 2
"""Exit status for a configuration that cannot be used."""

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def config() -> None:
    """Check, show or describe the configuration."""


def _reads_configuration(command: F) -> F:
    """Give a command the options that choose a configuration; tell its faults, a line each, and exit 2."""

    @click.argument("file", required=False)
    @click.option("-c", "--config", "named", metavar="PATH", help="The same as FILE; absent: the first that is found.")
    @click.option("--set", "sets", metavar="SECTION.KEY=VALUE", multiple=True, help="Set any key; may be repeated.")
    @wraps(command)
    def telling(file: str | None, named: str | None, sets: tuple[str, ...], **options: object) -> object:
        outer = click.get_current_context().obj  # what stood before the command's name
        given = outer if isinstance(outer, Options) else Options()
        chosen = given._replace(config=file or named or given.config, sets=(*given.sets, *sets))
        try:
            setup = set_up(choice(chosen))
            client_keys(setup.config.api_keys)
        except ConfigError as error:
            click.echo(str(error), err=True)
            raise click.exceptions.Exit(FAULTY) from None
        return command(setup, **options)

    return telling  # type: ignore[return-value]


def _source(setup: Setup) -> str:
    return str(setup.file or "no configuration file")


_YAML = (".yaml", ".yml")


@config.command()
@click.argument("file", metavar="[PATH]", default="continuum.yaml")
def init(file: str) -> None:
    """Write a first configuration file, continuum.yaml here unless PATH says otherwise: what this machine has.

    Keys stay in the environment; the file refers to them. An existing file is never touched.
    """
    try:
        discovery = trio.run(discover, os.environ)
        from_mapping({}, overlay=discovery.overlay())  # a faulty variable is told now
        _write_new(Path(file), outline(discovery))
    except ConfigError as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(FAULTY) from None
    for line in table(discovery):
        click.echo(line, err=True)
    count = len(discovery.backends) or int(discovery.embedded)
    click.echo(f"wrote {file} ({count} {'backend' if count == 1 else 'backends'})")


def _write_new(path: Path, text: str) -> None:
    """Create the file for its owner only. Raises ConfigError saying why it cannot be."""
    if path.suffix not in _YAML:
        raise ConfigError([ConfigProblem("must end in .yaml or .yml: YAML is what is written", file=str(path))])
    try:
        with open(path, "x", encoding="utf-8", opener=_private) as stream:
            stream.write(text)
    except FileExistsError:
        rule = "is there already; nothing was written"
        raise ConfigError([ConfigProblem(rule, file=str(path))]) from None
    except OSError as error:
        rule = f"cannot be written: {error.strerror or 'I/O error'}"
        raise ConfigError([ConfigProblem(rule, file=str(path))]) from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@config.command()
@_reads_configuration
def check(setup: Setup) -> None:
    """Say whether the configuration is usable: one line, or every fault and exit status 2."""
    for line in table(setup.discovery):
        click.echo(line, err=True)
    for warning in warnings(setup.config):
        click.echo(f"warning: {warning}", err=True)
    count = len(setup.config.backends)
    click.echo(f"ok: {_source(setup)} ({count} {'backend' if count == 1 else 'backends'})")


@config.command()
@click.option("--json", "as_json", is_flag=True, help="JSON instead of YAML.")
@_reads_configuration
def show(setup: Setup, *, as_json: bool) -> None:
    """Print the configuration in force: file, variables, options and defaults, secrets masked."""
    data = masked(setup.config)
    if as_json:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        click.echo(f"# {_source(setup)}, with what is laid over it and every default; secrets masked")
        click.echo(dump(data), nl=False)


@config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file."""
    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@config.command()
def docs() -> None:
    """Print the reference of every section and key, in Markdown."""
    click.echo(markdown(), nl=False)
