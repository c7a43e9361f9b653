"""`continuum run "prompt"`: one question, its answer streamed to stdout; with a session, one turn of a conversation."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import click
import trio

from continuum.acp.client import Client
from continuum.acp.inbound import Inbound
from continuum.acp.jsonrpc import NOT_FOUND, RpcError
from continuum.acp.keeping import is_ident
from continuum.acp.modes import MODES
from continuum.acp.prompting import Prompted, answer_prompt
from continuum.acp.session import Settings
from continuum.acp.sessions import Places, SessionTable, open_sessions
from continuum.chat import ChatRequest, Finished, Message, ReasoningDelta, TextDelta
from continuum.core import Call
from continuum.errors import ContinuumError, NoBackendAvailable
from continuum.runtime import open_instance

from .answers import Answers, JsonAnswers, Printer, TextAnswers
from .completing import model_names
from .progress import with_progress
from .setting_up import set_up_with_logging, table

if TYPE_CHECKING:
    from continuum.acp.permissions import Mode
    from continuum.acp.session import Session
    from continuum.runtime import Instance, Setup

    from .options import Options
    from .progress import Progress

__all__ = ["run_prompt"]

INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141  # as a shell tells a program that SIGPIPE ended


class Wish(NamedTuple):
    """What is asked, and how. tools: a mode, None without tools."""

    text: str
    model: str | None
    session: str | None
    tools: Mode | None
    as_json: bool

    @property
    def converses(self) -> bool:
        """Whether it is a turn of an agent's session rather than one call."""
        return self.session is not None or self.tools is not None


_HELP: Final = """Ask one question; the answer streams to stdout. Text on stdin is put before PROMPT.

With --tools nobody is there to be asked: what the mode would ask about is refused.

--json prints objects, each with a type: text, thought, tool_call, tool_call_update, plan, usage, end, error.

Exit status: 0 answered, 1 failed, 2 wrong usage or configuration, 130 interrupted, 141 output closed.
"""


@click.command("run", help=_HELP)
@click.argument("prompt", required=False)
@click.option("-m", "--model", help="Which model; else the default one.", shell_complete=model_names)
@click.option("-s", "--session", metavar="NAME", help="Go on with the stored session of that name or id, or begin it.")
@click.option("--tools", type=click.Choice(tuple(MODES)), help="Let the model use tools here, in this mode.")
@click.option("--json", "as_json", is_flag=True, help="Print events, one JSON object a line.")
@click.pass_obj
def run_prompt(  # noqa: PLR0917 - click passes each option
    options: Options,
    prompt: str | None,
    model: str | None,
    session: str | None,
    tools: str | None,
    as_json: bool,  # noqa: FBT001 - click passes each option
) -> None:
    """Read the question, ask, and exit with a status of its own for each way that can end."""
    if session is not None and not is_ident(session):
        raise click.UsageError("--session: letters, digits, '.', '_' and '-', at most 128")
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
    modes: dict[str, Mode] = {mode: mode for mode in MODES}
    wish = Wish(text, model, session, modes[tools] if tools is not None else None, as_json)
    try:
        trio.run(with_progress, "looking at the backends", partial(_interruptible, setup, wish))
    except BaseException as error:  # noqa: BLE001 - a nursery may have wrapped it; told or raised below
        _tell(_unwrapped(error))


def _unwrapped(error: BaseException) -> BaseException:
    """What a nursery put into a group, alone."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    group = cast("BaseExceptionGroup[BaseException]", error)
    return _unwrapped(group.exceptions[0])


def _tell(fault: BaseException) -> None:
    if isinstance(fault, KeyboardInterrupt):
        raise SystemExit(INTERRUPTED)
    if isinstance(fault, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has nowhere to go
        raise SystemExit(BROKEN_PIPE)
    if isinstance(fault, RpcError):
        raise ContinuumError(fault.message)
    raise fault


async def _interruptible(setup: Setup, wish: Wish, progress: Progress) -> None:
    """The answer; Ctrl-C cancels it. Python's own way, an exception at whichever line runs, can strike between taking
    something and the block that gives it back.
    """
    interrupted = trio.Event()
    failure: Exception | None = None

    async def heed() -> None:
        await anext(signals)
        interrupted.set()
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second one ends the process at once
        nursery.cancel_scope.cancel()

    with trio.open_signal_receiver(signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(heed)
            try:
                await _answer(setup, wish, progress)
            except Exception as fault:  # noqa: BLE001 - raised below as it is
                failure = fault
            nursery.cancel_scope.cancel()
    if interrupted.is_set():
        raise KeyboardInterrupt
    if failure is not None:
        raise failure


async def _answer(setup: Setup, wish: Wish, progress: Progress) -> None:
    answers = (JsonAnswers if wish.as_json else TextAnswers)(progress.end)
    try:
        async with open_instance(setup.store) as instance:
            model = wish.model or instance.default_model()
            if model is None:
                raise NoBackendAvailable("No backends available: configure one, or use --local for the embedded model")
            progress.doing = f"waiting for {model}"
            if wish.converses:
                await _converse(instance, setup, wish, answers)
            else:
                await _ask(instance, model, wish.text, answers)
    except ContinuumError as fault:
        if wish.as_json:
            answers.tell("error", message=fault.message, code=fault.code)
        raise


async def _ask(instance: Instance, model: str, text: str, answers: Answers) -> None:
    call = Call.of_chat(ChatRequest(model, [Message.of_text("user", text)]), request_id="run")
    async with await instance.engine.open(call) as reply:
        reason = ""
        try:
            async for frame in reply:
                for event in frame.events:
                    if isinstance(event, TextDelta):
                        answers.tell("text", text=event.text)
                    elif isinstance(event, ReasoningDelta):
                        answers.tell("thought", text=event.text)
                    elif isinstance(event, Finished):
                        reason = event.reason
        except ContinuumError:
            if isinstance(answers, TextAnswers):
                answers.tell("error")  # the line that was begun ends
            raise
        answers.usage(reply.usage)
        answers.tell("end", stopReason=reason or "stop", model=reply.model)


async def _converse(instance: Instance, setup: Setup, wish: Wish, answers: Answers) -> None:
    """One turn, as an editor would have it; what the turn raises leaves the nurseries as it is."""
    settings = Settings.of(setup.config.acp)
    if wish.tools is None:
        settings = replace(settings, tools=settings.tools.model_copy(update={"enabled": []}))
    failure: Exception | None = None
    async with open_sessions(instance, settings, setup.config, lasting=wish.session is not None) as sessions:
        try:
            await _turn(sessions, wish, answers)
        except Exception as fault:  # noqa: BLE001 - raised below as it is
            failure = fault
    if failure is not None:
        raise failure


async def _turn(sessions: SessionTable, wish: Wish, answers: Answers) -> None:
    session = await _session(sessions, wish.session)
    session.mode = wish.tools or session.mode
    session.chosen_model = wish.model or session.chosen_model
    printer = Printer(answers)
    printer.client = client = Client(printer)
    call = Inbound(0, None)
    session.prompts.append(call)
    prompt = Prompted(Message.of_text("user", wish.text), [{"type": "text", "text": wish.text}])
    answer = await answer_prompt(sessions, session, client, prompt, call)
    if "usage" in answer:
        answers.tell("usage", **answer["usage"])
    answers.tell("end", stopReason=answer["stopReason"], model=session.model, sessionId=session.id)


async def _session(sessions: SessionTable, name: str | None) -> Session:
    places = Places(os.getcwd())  # noqa: PTH109 (the protocol has paths as text)
    if name is None:
        return sessions.open(places)
    try:
        return (await sessions.load(name, places))[0]
    except RpcError as fault:
        if fault.code != NOT_FOUND:
            raise
    return sessions.open(places, name)
