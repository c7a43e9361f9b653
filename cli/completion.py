"""`continuum completion bash|zsh|fish`: the script that makes a shell complete commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .main import COMPLETING

__all__ = ["completion"]

_SHELLS = ("bash", "zsh", "fish")


_HELP = """Print what makes SHELL complete commands, options, and names of backends and models.

\b
bash   eval "$(continuum completion bash)"     in ~/.bashrc
zsh    eval "$(continuum completion zsh)"      in ~/.zshrc, after compinit
fish   continuum completion fish | source      in ~/.config/fish/config.fish
"""  # \b: click leaves the lines below as they are


@click.command(help=_HELP)
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print click's own script."""
    kind = get_completion_class(shell)
    if kind is None:  # click knows all three
        raise click.UsageError(f"no completion for {shell}")
    group = click.get_current_context().find_root().command
    click.echo(kind(group, {}, "continuum", COMPLETING).source())
