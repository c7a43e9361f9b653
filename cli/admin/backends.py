"""Backends: added, removed, weighted."""

from __future__ import annotations

import os
from urllib.parse import quote

import click

from ..api import Api

__all__ = ["backend"]


@click.group()
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
