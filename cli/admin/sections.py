"""Sections of the configuration in force: shown, changed, compared with a file."""

from __future__ import annotations

import json
import os
import sys
from difflib import unified_diff
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from continuum.config import load, masked
from continuum.config.codec import dump
from continuum.config.scalar import resolve
from continuum.config.view import ADMIN_SECTIONS

from ..api import Api
from ..output import in_colour, print_json

__all__ = ["diff", "get", "patch", "set_"]

_DIFFERENT = 1


@click.command()
@click.argument("section", required=False)
@click.pass_obj
def get(api: Api, section: str | None) -> None:
    """Print a section in force, or all of them; secrets masked."""
    answer = api.call("GET", f"/config/{quote(section, safe='')}" if section else "/config/full")
    if api.as_json:
        print_json(answer)
    else:
        click.echo(dump(answer["config"] if section is None else {section: answer["config"]}), nl=False)


@click.command("set")
@click.argument("key", metavar="SECTION.KEY")
@click.argument("value")
@click.pass_obj
def set_(api: Api, key: str, value: str) -> None:
    """Set one key: continuum admin set logging.level debug. VALUE may be JSON."""
    section, *path = key.split(".")
    if not path or not all(path):
        raise click.UsageError("the key must look like SECTION.KEY")
    patch: Any = _value(value)
    for part in reversed(path):
        patch = {part: patch}
    answer = api.call("PATCH", f"/config/{quote(section, safe='')}", {"config": patch})
    api.tell(answer, f"version {answer['version']}: {key} set")


def _value(text: str) -> Any:
    if text[:1] in {"{", "[", '"'}:
        try:
            return json.loads(text)
        except ValueError:
            raise click.UsageError("the value begins like JSON, and is none") from None
    return resolve(text)


@click.command()
@click.argument("section")
@click.argument("patch", metavar="JSON|-")
@click.pass_obj
def patch(api: Api, section: str, patch: str) -> None:
    """Merge-patch a section (RFC 7396): null removes, lists are replaced whole."""
    try:
        body = json.loads(sys.stdin.read() if patch == "-" else patch)
    except ValueError:
        raise click.UsageError("the patch is not JSON") from None
    answer = api.call("PATCH", f"/config/{quote(section, safe='')}", {"config": body})
    api.tell(answer, f"version {answer['version']}: {section} patched")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def diff(api: Api, file: Path) -> None:
    """Show how a file differs from what is in force; exit status 1 where it does. Secrets are masked on both sides."""
    inside = api.call("GET", "/config/full")["config"]
    view = masked(load(file, environ=os.environ))
    lines = list(
        unified_diff(
            dump(inside).splitlines(),
            dump({name: view[name] for name in ADMIN_SECTIONS}).splitlines(),
            "in force",
            str(file),
            lineterm="",
        )
    )
    if api.as_json:
        print_json({"different": bool(lines), "diff": lines})
    for line in () if api.as_json else lines:
        click.echo(_painted(line))
    if lines:
        raise click.exceptions.Exit(_DIFFERENT)


def _painted(line: str) -> str:
    colours = {"+": "green", "-": "red", "@": "cyan"}
    return click.style(line, fg=colours.get(line[:1])) if in_colour() else line
