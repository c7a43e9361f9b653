"""session/prompt: one turn of a conversation; on a busy session it waits for the turns before it."""

from __future__ import annotations

from collections.abc import Awaitable

from continuum.chat import Message

from ..agent import Agent
from ..content import user_message
from ..inbound import Inbound
from ..jsonrpc import JsonObject
from ..schema import Prompt, read_params
from ..session import Session
from ..turn import take_turn

__all__ = ["handle"]


def handle(agent: Agent, call: Inbound) -> Awaitable[JsonObject]:
    """Queue the turn now, so that a cancel on the very next line finds it."""
    params = read_params(Prompt, call.params)
    session = agent.session(params.session_id)
    prompt = user_message(params.prompt)
    call.if_cancelled = {"stopReason": "cancelled"}
    session.prompts.append(call)
    return _turn(agent, session, prompt, call)


async def _turn(agent: Agent, session: Session, prompt: Message, call: Inbound) -> JsonObject:
    try:
        await session.wait_turn(call)
        outcome = await take_turn(session, prompt, agent.client)
        return {"stopReason": outcome.stop_reason}
    finally:
        session.leave(call)
