"""A session's conversation to the engine: what is said before it, what of it fits, how hard the model is to think."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import trio

from continuum.chat import ChatRequest, Message
from continuum.core import Call
from continuum.errors import ModelNotFound, NoBackendAvailable, UpstreamRejected

from .budget import fitting, halved, window_of
from .instructions import read_instructions

if TYPE_CHECKING:
    from continuum.chat import Tool

    from .host import Host, Reply
    from .session import Session

__all__ = ["open_reply"]

_TOO_LONG: Final = ("context_length_exceeded", "exceed_context_size_error", "context length", "context size")


async def open_reply(session: Session, asked: Sequence[Message], tools: Sequence[Tool] = ()) -> Reply:
    """The reply to the session's history and `asked` behind it. ContinuumError: there is none.

    The oldest turns are left out where the window is known to be too small for all, or the server says so.
    """
    model = session.model
    if model is None:
        raise ModelNotFound("No backend offers a model: name one in acp.default_model or start a backend")
    system = await trio.to_thread.run_sync(_system, session.settings.system_prompt, session.cwd)
    opening = [Message.of_text("system", system)] if system else []
    prompt = session.host.prompt_for(model)
    said = [*opening, *asked] if prompt is None else prompt.added_to([*opening, *asked])
    history = fitting(session.history, said, window_of(session))
    while True:
        request = ChatRequest(
            model,
            [*opening, *history, *asked],
            tools=list(tools),
            reasoning_effort=session.thought_level or None,
        )
        call = Call.of_chat(request, request_id=str(uuid4()), affinity=session.id)
        try:
            return await _opened(session.host, call)
        except UpstreamRejected as fault:
            if not history or not _is_too_long(fault):
                raise
            history = halved(history)


async def _opened(host: Host, call: Call) -> Reply:
    """The reply. Where all backends are out they are looked at once more: the user may have started one since."""
    try:
        return await host.engine.open(call)
    except NoBackendAvailable:
        if not await host.look_again():
            raise
    return await host.engine.open(call)


def _is_too_long(fault: UpstreamRejected) -> bool:
    said = f"{fault.code} {fault.message}".lower()
    return any(words in said for words in _TOO_LONG)


def _system(configured: str | None, cwd: str) -> str:
    """What is configured, then what the project says, the nearest last."""
    files = [f'<instructions file="{each.path}">\n{each.text}\n</instructions>' for each in read_instructions(cwd)]
    return "\n\n".join([*([configured] if configured else []), *files])
