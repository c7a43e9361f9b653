"""`continuum config …`: write, judge and show a configuration without starting anything.

Reads files; where there is none, looks at what the machine has, as a start would.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import trio

from continuum.backends.pool import open_pool
from continuum.config import Config, client_keys, from_mapping, json_schema, markdown, masked
from continuum.config.codec import dump
from continuum.errors import ConfigError, ConfigProblem
from continuum.runtime import Setup, discover, outline, set_up

from .choosing import chooses_configuration
from .output import print_json
from .setting_up import choice, doubts, table
from .shapes import config_fault

if TYPE_CHECKING:
    from .options import Options
    from .shapes import Checked

__all__ = ["config"]

FAULTY = 2
"""Exit status for a configuration that cannot be used."""

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def config() -> None:
    """Write, check, show or describe the configuration."""


def _reads_configuration(command: F) -> F:
    """Give a command the options that choose a configuration; tell its faults, a line each, and exit 2."""

    @click.argument("file", required=False, type=click.Path())
    @chooses_configuration
    @wraps(command)
    def telling(options: Options, file: str | None, **rest: object) -> object:
        try:
            setup = _judged(options._replace(config=file or options.config))
        except ConfigError as error:
            click.echo(str(error), err=True)
            raise click.exceptions.Exit(FAULTY) from None
        return command(setup, **rest)

    return telling  # type: ignore[return-value]


def _judged(options: Options) -> Setup:
    """The configuration and everything it refers to. Raises ConfigError."""
    setup = set_up(choice(options))
    client_keys(setup.config.api_keys)
    return setup


async def _open_and_close(config: Config) -> None:
    """Whatever connections will need must be there: certificates, proxies. No backend is asked."""
    async with open_pool(config, watched=False):
        pass


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
@click.argument("file", required=False, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="JSON for programs, faults included.")
@chooses_configuration
def check(options: Options, *, file: str | None, as_json: bool) -> None:
    """Say whether the configuration is usable: one line, or every fault and exit status 2."""
    setup: Setup | None = None
    faults: Sequence[ConfigProblem] = ()
    try:
        judged = _judged(options._replace(config=file or options.config))
        trio.run(_open_and_close, judged.config)
        setup = judged
    except ConfigError as error:
        faults = error.problems
    if as_json:
        print_json(_checked(setup, faults))
    else:
        _tell(setup, faults)
    if setup is None:
        raise click.exceptions.Exit(FAULTY)


def _checked(setup: Setup | None, faults: Sequence[ConfigProblem]) -> Checked:
    return {
        "ok": setup is not None,
        "file": str(setup.file) if setup is not None and setup.file is not None else None,
        "backends": len(setup.config.backends) if setup is not None else 0,
        "problems": [config_fault(each) for each in faults],
        "warnings": [config_fault(each) for each in doubts(setup)] if setup is not None else [],
    }


def _tell(setup: Setup | None, faults: Sequence[ConfigProblem]) -> None:
    for fault in faults:
        click.echo(str(fault), err=True)
    if setup is None:
        return
    for line in table(setup.discovery):
        click.echo(line, err=True)
    for warning in doubts(setup):
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
