"""A conversation made short: the model itself says what matters in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from continuum.chat import Fold, Message

from . import archive
from .asking import open_reply

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Summary", "compact"]

_ASK: Final = (
    "Summarise our conversation so far for yourself: you will go on from the summary alone. Keep what the user wants, "
    "what was decided and why, what was done in which files, what failed, and what is still open. Be brief."
)
_SINCE: Final = "Summary of our conversation so far:\n\n"
_TAKEN: Final = "I will go on from there."


class Summary(NamedTuple):
    """What is left of a conversation, and the turn that stands for it."""

    text: str
    turn: archive.Turn


async def compact(session: Session, what_matters: str) -> Summary | None:
    """Ask the session's model; None where there is nothing to tell. ContinuumError: it did not answer."""
    if not session.history:
        return None
    wish = f"{_ASK} Above all: {what_matters}" if what_matters else _ASK
    answer = Fold()
    async with await open_reply(session, [Message.of_text("user", wish)]) as reply:
        async for frame in reply:
            for event in frame.events:
                answer.add(event)
    session.spend(reply.cost)
    text = answer.response.text.strip()
    if not text:
        return None
    messages = [Message.of_text("user", _SINCE + text), Message.of_text("assistant", _TAKEN)]
    return Summary(text, archive.Turn(messages, replaces=True))
