"""`continuum admin …`: change a running router, through its admin API. The table of its commands stands here."""

from __future__ import annotations

from pathlib import Path

import click

from continuum.config import Config, from_mapping, load
from continuum.config.files import find

from ..api import URL_VARIABLE, api_of
from ..options import Options
from ..setting_up import choice
from . import sections, versions
from .backends import backend
from .keys import keys

__all__ = ["admin"]


@click.group()
@click.option("--url", envvar=URL_VARIABLE, metavar="URL", help="The router; else the configuration's address.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's own answers, for programs.")
@click.pass_context
def admin(context: click.Context, url: str | None, *, as_json: bool) -> None:
    """Change a running router: sections, versions, backends, client keys. The token is found by itself;
    CONTINUUM_ADMIN_TOKEN is another.
    """
    given = context.obj if isinstance(context.obj, Options) else Options()
    context.obj = api_of(_configuration(given), url, as_json=as_json)


def _configuration(options: Options) -> Config:
    """The configuration that the router is likely to run with: only its address and credential are read."""
    chosen = choice(options)
    file = find(chosen.file, chosen.environ, Path.cwd())
    if file is None:
        return from_mapping({}, overlay=chosen.overlay)
    return load(file, environ=chosen.environ, overlay=chosen.overlay)


for _command in (
    sections.get,
    sections.set_,
    sections.patch,
    sections.diff,
    versions.history,
    versions.rollback,
    versions.export,
    versions.import_,
    backend,
    keys,
):
    admin.add_command(_command)
