"""A prompt from its place in the queue to its answer: the turn or the command, what the client is told around it,
and what is kept of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from . import archive
from .budget import window_of
from .commands import command_of
from .jsonrpc import well_formed
from .keeping import row_of, timestamp
from .turn import Outcome, take_turn
from .updates import message

if TYPE_CHECKING:
    from continuum.chat import Message, Usage

    from .client import Client
    from .commands import Command
    from .inbound import Inbound
    from .jsonrpc import JsonObject
    from .sent.results import PromptAnswer, TokenUsage
    from .sent.updates import InfoChanged
    from .sent.updates import Usage as ContextUsage
    from .session import Session
    from .sessions import SessionTable

__all__ = ["Prompted", "answer_prompt"]

_TITLE_LENGTH = 80


class Prompted(NamedTuple):
    """A prompt as it was received: what the model is told, and the blocks as the client sent them."""

    message: Message
    blocks: Sequence[JsonObject]


async def answer_prompt(
    table: SessionTable, session: Session, client: Client, prompt: Prompted, call: Inbound
) -> PromptAnswer:
    """Wait for the turn, take it, and have it kept before it is answered. ContinuumError: the answer did not come."""
    try:
        await session.wait_turn(call)
        await table.wake(session)
        return await _answer(table, session, client, prompt)
    finally:
        session.leave(call)


async def _answer(table: SessionTable, session: Session, client: Client, prompt: Prompted) -> PromptAnswer:
    told_before = len(session.history)
    for block in prompt.blocks:
        session.journal.add({"sessionUpdate": "user_message_chunk", "content": block})
    command = command_of(prompt.message)
    turn: archive.Turn | None = None
    try:
        with client.watched(session.id, session.journal.add):
            if command is not None:
                turn = await _run(session, client, *command)
                outcome = Outcome("end_turn", [])
            else:
                outcome = await take_turn(session, prompt.message, client)
    finally:
        shown = session.journal.take()
        if turn is not None:
            table.keep(session, turn._replace(updates=shown))
        elif messages := session.history[told_before:]:  # a turn that showed nothing leaves no trace
            first = session.title is None
            session.title = session.title or _title(prompt.blocks)
            table.keep(session, archive.Turn(messages, shown))
            if first:
                client.post_update(session.id, _info(session))
    await table.kept()
    await _tell_usage(session, client, outcome.usages)
    answer: PromptAnswer = {"stopReason": outcome.stop_reason}
    if outcome.usages:
        answer["usage"] = _usage(outcome.usages)
    return answer


async def _run(session: Session, client: Client, command: Command, argument: str) -> archive.Turn:
    said = await command.run(session, client, argument)
    await client.update(session.id, message(said.text))
    if said.turn is not None:
        session.history = archive.history_of([said.turn])
    return said.turn or archive.Turn([])


def _title(blocks: Sequence[JsonObject]) -> str | None:
    """The first line that the user wrote."""
    texts = (block["text"] for block in blocks if block.get("type") == "text")
    lines = (" ".join(line.split()) for text in texts for line in text.splitlines())
    first = next((well_formed(line) for line in lines if line), None)
    if first is None or len(first) <= _TITLE_LENGTH:
        return first
    return first[: _TITLE_LENGTH - 1].rstrip() + "…"


def _info(session: Session) -> InfoChanged:
    updated = timestamp(row_of(session).updated)
    return {"sessionUpdate": "session_info_update", "title": session.title, "updatedAt": updated}


async def _tell_usage(session: Session, client: Client, usages: Sequence[Usage]) -> None:
    """What of the context is used, where both are known; the last request's count tells. With it what the session has
    cost, where each request's price is known.
    """
    window = window_of(session)
    if window is not None and usages:
        used = usages[-1].input_tokens + usages[-1].output_tokens
        usage: ContextUsage = {"sessionUpdate": "usage_update", "used": used, "size": window}
        if session.cost is not None:
            usage["cost"] = {"amount": round(session.cost, 9), "currency": "USD"}
        await client.update(session.id, usage)


def _usage(usages: Sequence[Usage]) -> TokenUsage:
    """The turn's tokens, all its requests added up."""
    taken = sum(each.input_tokens for each in usages)
    given = sum(each.output_tokens for each in usages)
    usage: TokenUsage = {"totalTokens": taken + given, "inputTokens": taken, "outputTokens": given}
    thought = sum(each.reasoning_tokens for each in usages)
    cached = sum(each.cached_tokens for each in usages)
    if thought:
        usage["thoughtTokens"] = thought
    if cached:
        usage["cachedReadTokens"] = cached
    return usage
