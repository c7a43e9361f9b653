"""`continuum --mode http`: from options to a served address."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING

import click
import trio

from continuum.backends import local
from continuum.http import App, listen, serve
from continuum.runtime import open_instance

from .setting_up import set_up_with_logging, table

if TYPE_CHECKING:
    from continuum.http.sockets import Listener
    from continuum.runtime import Instance, Setup

    from .options import Options

__all__ = ["serve_http"]

_MANY = 5000
"""Objects beyond those that went again, after which the collector looks at what is new: requests under way are
hundreds each and no garbage, and by its default of 700 it would look at all of them again and again.
"""


def _say(line: str) -> None:
    click.echo(f"continuum: {line}", err=True)


def serve_http(options: Options) -> None:
    """Serve until a signal comes. Raises ConfigError, or LocalModelError where the embedded model cannot run.

    Called without the garbage collector, which works once there is something to serve.
    """
    setup = set_up_with_logging(options, keep=True)
    for line in table(setup.discovery):
        click.echo(line, err=True)
    if setup.embedded:
        _fetch_embedded(asked=setup.discovery is None)
    with listen(setup.config.server) as listeners:
        trio.run(_serve, setup, listeners)


def _fetch_embedded(*, asked: bool) -> None:
    """Have the model's file before serving. Raises LocalModelError where somebody asked for the model."""
    try:
        local.check()
        local.ensure_model(_say)
    except local.LocalModelError as fault:
        if asked:
            raise
        _say(fault.message)


async def _serve(setup: Setup, listeners: list[Listener]) -> None:
    async with open_instance(setup.store, owns_process=True, heeds_hangups=True) as instance:

        def announce() -> None:
            for listener in listeners:
                _say(f"listening on {listener.url}")
            _say_try(listeners[0].url, instance)

        app = App(instance)
        await instance.have_admin_token()
        _resume_collecting()
        await serve(app, setup.config.server, listeners, ready=announce)


def _resume_collecting() -> None:
    """Look for garbage from now on. What is here when serving begins stays: looking for cycles in it took a tenth of
    a request's time.
    """
    gc.freeze()
    gc.set_threshold(_MANY)
    gc.enable()


def _say_try(url: str, instance: Instance) -> None:
    model = instance.default_model()
    if model is None:
        _say("no model yet: configure a backend, or start with --local for the embedded demonstration model")
        return
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Tell me a short story."}]}
    target = f"{url}/v1/chat/completions"
    if url.startswith("http+unix://"):
        target = f"--unix-socket {url.removeprefix('http+unix://')} http://localhost/v1/chat/completions"
    if instance.config.api_keys.mode == "blocking":
        target += " -H 'Authorization: Bearer YOUR_KEY'"
    _say(f"try: curl -N {target} -H 'Content-Type: application/json' -d '{json.dumps(body)}'")
