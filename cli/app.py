"""The command line as click shows it: options of the router itself, and the commands."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from importlib import import_module

import click

from continuum.errors import ConfigError, ContinuumError
from continuum.version import VERSION

from .commands import Commands
from .options import MODES, Options

__all__ = ["app", "run"]

CONFIG_FAULT = 2
FAILED = 1

# The start-up path's lazy table: a mode is imported when it is the one to run; commands.py has the commands.
_HTTP = "continuum.cli.serve"

_HELP = """Many LLM backends behind one door: an ACP agent on stdio (the default), or an OpenAI-compatible HTTP server.

\b
continuum --mode http --local     serve a small real model from this machine
continuum run "hello"             ask one question
continuum doctor                  what is there, what is wrong, how to mend it
"""  # \b: click leaves the lines below as they are


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=_HELP,
)
@click.option("--mode", type=click.Choice(MODES), default="stdio", show_default=True, help="How clients reach it.")
@click.option(
    "-c", "--config", "config_file", metavar="PATH", type=click.Path(), help="Configuration file (YAML, TOML or JSON)."
)
@click.option("--bind", metavar="ADDR", help="host:port, [v6]:port or unix:/path; port 0 takes a free one.")
@click.option("--log-level", metavar="LEVEL", help="trace, debug, info, warn or error.")
@click.option("--local", is_flag=True, help="Use the embedded demonstration model alone: no key, no account.")
@click.option("--set", "sets", metavar="SECTION.KEY=VALUE", multiple=True, help="Set any key; may be repeated.")
@click.version_option(VERSION, "-V", "--version", prog_name="continuum")
@click.pass_context
def app(  # noqa: PLR0917 - click passes each option
    context: click.Context,
    mode: str,
    config_file: str | None,
    bind: str | None,
    log_level: str | None,
    local: bool,  # noqa: FBT001 - click passes each option
    sets: Sequence[str],
) -> None:
    """Read what holds for every command, then run the one that was named, or serve."""
    options = Options(mode, config_file, bind, log_level, local, tuple(sets))
    context.obj = options
    if context.invoked_subcommand is not None:
        return
    if mode == "http":
        gc.disable()  # what a start makes is here to stay: looking for garbage in it takes a tenth of the time
        import_module(_HTTP).serve_http(options)
        return
    raise click.UsageError("stdio mode takes no arguments beside its options")


def run(arguments: Sequence[str]) -> None:
    """Run and exit: 2 for a configuration or usage fault, 1 for any other, each told in one clear line."""
    try:
        app.main(args=list(arguments), prog_name="continuum")
    except ConfigError as error:
        for problem in error.problems:
            click.echo(f"continuum: {problem}", err=True)
        raise SystemExit(CONFIG_FAULT) from None
    except ContinuumError as error:
        click.echo(f"continuum: {error.message}", err=True)
        raise SystemExit(FAILED) from None
