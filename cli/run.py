"""`continuum run "prompt"`: one question, its answer streamed to stdout."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click
import trio

from continuum.chat import ChatRequest, Message, TextDelta
from continuum.core import Call
from continuum.errors import NoBackendAvailable
from continuum.runtime import open_instance

from .completing import model_names
from .progress import with_progress
from .setting_up import set_up_with_logging, table

if TYPE_CHECKING:
    from continuum.runtime import Setup

    from .options import Options
    from .progress import Progress

__all__ = ["run_prompt"]


@click.command("run")
@click.argument("prompt", required=False)
@click.option("-m", "--model", help="Which model; else the default one.", shell_complete=model_names)
@click.pass_obj
def run_prompt(options: Options, prompt: str | None, model: str | None) -> None:
    """Ask one question; the answer streams to stdout. Text on stdin is put before PROMPT."""
    piped = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
    text = "\n\n".join(part for part in (piped.strip(), (prompt or "").strip()) if part)
    if not text:
        raise click.UsageError("there is nothing to ask: give a prompt, or pipe text in")
    if options.log_level is None:
        options = options._replace(log_level="error")
    setup = set_up_with_logging(options)
    if not setup.config.backends:
        for line in table(setup.discovery):
            click.echo(line, err=True)
    trio.run(with_progress, "looking at the backends", partial(_ask, setup, text, model))


async def _ask(setup: Setup, text: str, model: str | None, progress: Progress) -> None:
    async with open_instance(setup.config) as instance:
        chosen = model or instance.default_model()
        if chosen is None:
            raise NoBackendAvailable("No backends available: configure one, or use --local for the embedded model")
        progress.doing = f"waiting for {chosen}"
        call = Call.of_chat(ChatRequest(chosen, [Message.of_text("user", text)]), request_id="run")
        async with await instance.engine.open(call) as reply:
            progress.end()
            try:
                async for frame in reply:
                    for event in frame.events:
                        if isinstance(event, TextDelta):
                            click.echo(event.text, nl=False)
            finally:
                click.echo()
