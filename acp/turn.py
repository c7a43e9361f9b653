"""One turn: the session's conversation to the engine, the answer to the client as it comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import uuid4

from continuum.chat import ChatRequest, Fold, Message, Usage
from continuum.core import Call
from continuum.errors import ModelNotFound

from .client import Client
from .session import Session
from .transcript import Transcript
from .updates import Updates

__all__ = ["Outcome", "take_turn"]

_STOP_REASONS: Final[Mapping[str, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
}


class Outcome(NamedTuple):
    """How a turn ended. usages: of each model request that said, in order; the last tells the context in use."""

    stop_reason: str
    usages: list[Usage]


async def take_turn(session: Session, prompt: Message, client: Client) -> Outcome:
    """Ask, tell the client, remember. ContinuumError: the answer did not come, or broke off.

    However it ends, cancelled included, the session's history then holds what the client was shown.
    """
    transcript = Transcript(prompt)
    try:
        answer = await _ask(session, transcript, client)
    finally:
        session.remember(transcript.messages)
    choices = answer.response.choices
    usage = answer.response.usage
    return Outcome(_STOP_REASONS.get(choices[0].finish_reason if choices else "", "end_turn"), [usage] if usage else [])


async def _ask(session: Session, transcript: Transcript, client: Client) -> Fold:
    updates, answer = Updates(session.id), Fold()
    call = Call.of_chat(_request(session, transcript), request_id=str(uuid4()), affinity=session.id)
    try:
        async with await session.host.engine.open(call) as reply:
            async for frame in reply:
                for event in frame.events:
                    answer.add(event)
                    update = updates.of(event)
                    if update is not None:
                        await client.notify("session/update", update)
    finally:
        transcript.answer(answer.response)
    return answer


def _request(session: Session, transcript: Transcript) -> ChatRequest:
    model = session.model
    if model is None:
        raise ModelNotFound("No backend offers a model: name one in acp.default_model or start a backend")
    system = session.settings.system_prompt
    opening = [Message.of_text("system", system)] if system else []
    return ChatRequest(model, [*opening, *session.history, *transcript.asked])
