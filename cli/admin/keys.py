"""Client keys: listed, made, rotated, switched off and on, removed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import click

from ..api import Api
from ..output import Cell, Table, print_json, show

__all__ = ["keys"]

_PAGE: Final = 1000
_SCOPES: Final = click.Choice(["read", "write", "files", "admin"])
_COLUMNS: Final = ("id", "source", "key", "state", "models", "limits", "last used")


@click.group()
def keys() -> None:
    """List client keys, make one, rotate it, switch it off and on, remove it. They take effect at once."""


@keys.command("list")
@click.pass_obj
def list_(api: Api) -> None:
    """List the client keys, those of the configuration first; the keys themselves masked."""
    found = list(_all(api))
    if api.as_json:
        print_json({"keys": found, "total": len(found)})
    elif found:
        show(Table([_row(key) for key in found], _COLUMNS))
    else:
        click.echo("no client keys; make one: continuum admin keys add")


def _all(api: Api) -> Iterator[dict[str, Any]]:
    seen = 0
    while page := api.call("GET", f"/keys?limit={_PAGE}&offset={seen}")["keys"]:
        yield from page
        seen += len(page)


def _row(key: dict[str, Any]) -> tuple[Cell | str, ...]:
    limits = {"rate_limit": "requests/min", "tokens_per_minute": "tokens/min"}
    return (
        Cell(key["id"], "strong"),
        key["source"],
        key["key"],
        _state(key),
        ", ".join(key["models"]) or "all",
        ", ".join(f"{key[name]} {unit}" for name, unit in limits.items() if name in key) or "-",
        key["last_used"] or "-",
    )


def _state(key: dict[str, Any]) -> Cell:
    if not key["enabled"]:
        return Cell("disabled", "bad")
    ends = key.get("expires_at")
    if ends is None:
        return Cell("enabled", "good")
    if datetime.fromisoformat(ends) <= datetime.now(UTC):
        return Cell("expired", "bad")
    return Cell(f"until {ends}", "good")


@keys.command()
@click.argument("ident", metavar="[ID]", required=False)
@click.option("--name", help="What people call it.")
@click.option("--user", "user_id", help="Whose it is.")
@click.option("--organization", "organization_id", help="Which organization it belongs to.")
@click.option("--scope", "scopes", multiple=True, type=_SCOPES, help="What it may do; may be repeated.")
@click.option("--model", "models", multiple=True, help="A model, or a pattern, that it may use; may be repeated.")
@click.option("--rate-limit", type=int, help="Requests per minute.")
@click.option("--tokens-per-minute", type=int, help="Tokens per minute.")
@click.option("--expires", "expires_at", metavar="TIME", help="When it ends: a day, or a time in ISO 8601.")
@click.pass_obj
def add(api: Api, /, ident: str | None, **terms: Any) -> None:
    r"""Make a client key. It is printed on stdout this once; ID is its name in logs and limits.

    \b
    continuum admin keys add ann --model 'gpt-*' --rate-limit 60
    """
    _print_secret(api, api.call("POST", "/keys", _said(id=ident, **terms)))


def _said(**options: Any) -> dict[str, Any]:
    """Those that were given on the command line."""
    return {name: value for name, value in options.items() if value not in (None, ())}


@keys.command()
@click.argument("ident", metavar="ID")
@click.option("--grace", metavar="TIME", help="How long the key until now is accepted, too: 24h, for instance.")
@click.pass_obj
def rotate(api: Api, ident: str, grace: str | None) -> None:
    """Make a key anew, on the same terms. It is printed on stdout this once; the one until now ends at once, or after
    --grace.
    """
    answer = api.call("POST", f"{_path(ident)}/rotate", _said(grace=grace))
    _print_secret(api, answer)
    if not api.as_json and answer["previous_expires_at"] is not None:
        click.echo(f"the key until now is accepted until {answer['previous_expires_at']}", err=True)


def _print_secret(api: Api, answer: dict[str, Any]) -> None:
    if api.as_json:
        print_json(answer)
        return
    click.echo(answer["secret"])
    click.echo(f"{answer['message']}; keep it now", err=True)


@keys.command()
@click.argument("ident", metavar="ID")
@click.pass_obj
def disable(api: Api, ident: str) -> None:
    """Switch a key off: it is refused from the next request on."""
    _switch(api, ident, enabled=False)


@keys.command()
@click.argument("ident", metavar="ID")
@click.pass_obj
def enable(api: Api, ident: str) -> None:
    """Switch a key on again."""
    _switch(api, ident, enabled=True)


def _switch(api: Api, ident: str, *, enabled: bool) -> None:
    answer = api.call("PATCH", _path(ident), {"enabled": enabled})
    api.tell(answer, f"Key '{ident}' {'enabled' if enabled else 'disabled'}")


@keys.command()
@click.argument("ident", metavar="ID")
@click.pass_obj
def rm(api: Api, ident: str) -> None:
    """Remove a key: it is refused from the next request on."""
    answer = api.call("DELETE", _path(ident))
    api.tell(answer, answer["message"])


def _path(ident: str) -> str:
    return f"/keys/{quote(ident, safe='')}"
