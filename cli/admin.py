"""`continuum admin …`: change the configuration of a running router, through its admin API."""

from __future__ import annotations

import json
import os
import sys
from difflib import unified_diff
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from continuum.config import Config, from_mapping, load, masked
from continuum.config.codec import dump
from continuum.config.files import find
from continuum.config.scalar import resolve
from continuum.config.view import ADMIN_SECTIONS

from .api import URL_VARIABLE, AdminRefused, Api, api_of
from .options import Options
from .output import Table, in_colour, print_json, show
from .setting_up import choice

__all__ = ["admin"]

_DIFFERENT = 1
_FORMATS = click.Choice(["yaml", "json", "toml"])


@click.group()
@click.option("--url", envvar=URL_VARIABLE, metavar="URL", help="The router; else the configuration's address.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's own answers, for programs.")
@click.pass_context
def admin(context: click.Context, url: str | None, *, as_json: bool) -> None:
    """Change a running router: sections, versions, backends. The token is found by itself; CONTINUUM_ADMIN_TOKEN is
    another.
    """
    given = context.obj if isinstance(context.obj, Options) else Options()
    config = _configuration(given)
    context.obj = api_of(config, url, as_json=as_json)


def _configuration(options: Options) -> Config:
    """The configuration that the router is likely to run with: only its address and credential are read."""
    chosen = choice(options)
    file = find(chosen.file, chosen.environ, Path.cwd())
    if file is None:
        return from_mapping({}, overlay=chosen.overlay)
    return load(file, environ=chosen.environ, overlay=chosen.overlay)


@admin.command()
@click.argument("section", required=False)
@click.pass_obj
def get(api: Api, section: str | None) -> None:
    """Print a section in force, or all of them; secrets masked."""
    answer = api.call("GET", f"/config/{quote(section, safe='')}" if section else "/config/full")
    if api.as_json:
        print_json(answer)
    else:
        click.echo(dump(answer["config"] if section is None else {section: answer["config"]}), nl=False)


@admin.command("set")
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


@admin.command()
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


@admin.command()
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


@admin.command()
@click.option("--limit", default=20, show_default=True, help="Versions at most.")
@click.option("--section", help="Only those that changed it.")
@click.pass_obj
def history(api: Api, limit: int, section: str | None) -> None:
    """List the versions, newest first."""
    query = f"?limit={limit}" + (f"&section={quote(section, safe='')}" if section else "")
    answer = api.call("GET", f"/config/history{query}")
    if api.as_json:
        print_json(answer)
        return
    rows = [
        (
            str(each["version"]),
            each["timestamp"],
            each["source"],
            each["user"],
            ", ".join(each["sections_changed"]),
            each.get("description", ""),
        )
        for each in answer["history"]
    ]
    show(Table(rows, ("version", "time", "source", "user", "sections", "description")))


@admin.command()
@click.argument("version", type=int)
@click.option("--dry-run", is_flag=True, help="Tell what would change only.")
@click.pass_obj
def rollback(api: Api, version: int, *, dry_run: bool) -> None:
    """Bring back a version, as a new one."""
    answer = api.call("POST", f"/config/rollback/{version}", {"dry_run": dry_run})
    lines = [
        f"  {section}.{key}: {json.dumps(each['from'])} -> {json.dumps(each['to'])}"
        for section, keys in answer["changes"].items()
        for key, each in keys.items()
    ]
    api.tell(answer, "\n".join([f"{answer['message']} (version {answer['new_version']})", *lines]))


@admin.command()
@click.option("--format", "form", type=_FORMATS, default="yaml", show_default=True, help="The language.")
@click.option("--sensitive", is_flag=True, help="Show secrets as they are.")
@click.option("--no-defaults", is_flag=True, help="Leave out keys with their default value.")
@click.pass_obj
def export(api: Api, form: str, *, sensitive: bool, no_defaults: bool) -> None:
    """Print the configuration in force."""
    body = {"format": form, "include_sensitive": sensitive, "include_defaults": not no_defaults}
    answer = api.call("POST", "/config/export", body)
    if api.as_json:
        print_json(answer)
    else:
        click.echo(answer["content"], nl=False)


@admin.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--merge", is_flag=True, help="Merge-patch the sections that it names; else they are replaced.")
@click.option("--dry-run", is_flag=True, help="Judge it only.")
@click.pass_obj
def import_(api: Api, file: Path, *, merge: bool, dry_run: bool) -> None:
    """Put a file's sections in force. References to the environment stay text: they belong in the router's own file."""
    forms = {".json": "json", ".toml": "toml"}
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise click.UsageError(f"{file} cannot be read as UTF-8 text") from None
    body = {"format": forms.get(file.suffix, "yaml"), "content": content, "merge": merge, "dry_run": dry_run}
    answer = api.call("POST", "/config/import", body)
    if not answer["validation"]["valid"]:
        faults = [f"  {each['field']}: {each['message']}" for each in answer["validation"]["errors"]]
        raise AdminRefused("\n".join(["the file has faults", *faults]))
    api.tell(answer, f"{answer['message']} (version {answer['version']}): {', '.join(answer['sections_imported'])}")


@admin.group()
def backend() -> None:
    """Add a backend, remove one, set its weight."""


@backend.command()
@click.argument("name")
@click.argument("url")
@click.option("--type", "kind", help="What kind of server it is; else it is detected.")
@click.option("--model", "models", multiple=True, help="A model that it serves; may be repeated. Else it is asked.")
@click.option("--weight", type=int, help="Share of the requests, from 1 to 100.")
@click.option("--key-from", metavar="VARIABLE", help="Environment variable, here, that holds its API key.")
@click.pass_obj
def add(  # noqa: PLR0917 - click passes each option
    api: Api, name: str, url: str, kind: str | None, models: tuple[str, ...], weight: int | None, key_from: str | None
) -> None:
    """Add a backend."""
    given = {"type": kind, "models": list(models) or None, "weight": weight, "api_key": _variable(key_from)}
    body = {"name": name, "url": url, **{key: value for key, value in given.items() if value is not None}}
    answer = api.call("POST", "/backends", body)
    api.tell(answer, answer["message"])


def _variable(name: str | None) -> str | None:
    """A key comes from a variable: on the command line it would stand in the list of processes."""
    if name is None:
        return None
    if not os.environ.get(name):
        raise click.UsageError(f"the variable {name} is not set")
    return os.environ[name]


@backend.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Cut what runs on it; else it finishes.")
@click.pass_obj
def rm(api: Api, name: str, *, force: bool) -> None:
    """Remove a backend."""
    answer = api.call("DELETE", f"/backends/{quote(name, safe='')}{'?force=true' if force else ''}")
    api.tell(answer, answer["message"])


@backend.command()
@click.argument("name")
@click.argument("weight", type=int)
@click.pass_obj
def weight(api: Api, name: str, weight: int) -> None:
    """Set a backend's share of the requests, from 1 to 100."""
    answer = api.call("PUT", f"/backends/{quote(name, safe='')}/weight", {"weight": weight})
    api.tell(answer, answer["message"])
