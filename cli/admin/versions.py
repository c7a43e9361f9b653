"""Versions of the configuration, and the whole of it as text."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import click

from ..api import AdminRefused, Api, told
from ..output import Table, print_json, show

__all__ = ["export", "history", "import_", "rollback"]

_FORMATS = click.Choice(["yaml", "json", "toml"])


@click.command()
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


@click.command()
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


@click.command()
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


@click.command("import")
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
    body = {"format": forms.get(file.suffix.lower(), "yaml"), "content": content, "merge": merge, "dry_run": dry_run}
    answer = api.call("POST", "/config/import", body)
    if not answer["validation"]["valid"]:
        if api.as_json:
            print_json(answer)
            raise click.exceptions.Exit(1)
        faults = [f"  {told(each)}" for each in answer["validation"]["errors"]]
        raise AdminRefused("\n".join(["the file has faults", *faults]))
    api.tell(answer, f"{answer['message']} (version {answer['version']}): {', '.join(answer['sections_imported'])}")
