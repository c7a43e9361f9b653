"""One turn: the conversation to the engine, the answer to the client as it comes, the tools it calls, and again."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from continuum.chat import ChatResponse, Fold, Message, Tool, Usage
from continuum.errors import ModelNotFound, UpstreamRejected

from .asking import open_reply
from .client import Client
from .equipment import equip
from .sent.results import StopReason
from .session import Session
from .toolbox import Toolbox
from .transcript import Transcript
from .updates import Updates, thought
from .workbench import Workbench

if TYPE_CHECKING:
    from .host import Reply

__all__ = ["Outcome", "take_turn"]

_STOP_REASONS: Final[Mapping[str, StopReason]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
}
_LONG: Final = 10.0  # seconds without a word from the model after which the user is told that this is known
_OVER: Final = frozenset({"length", "content_filter"})  # what the model called then is cut short, or not to be done


class Outcome(NamedTuple):
    """How a turn ended. usages: of each model request that said, in order; the last tells the context in use."""

    stop_reason: StopReason
    usages: list[Usage]


async def take_turn(session: Session, prompt: Message, client: Client) -> Outcome:
    """Ask, tell the client, do what the model calls for, until it stops; then remember.

    ContinuumError: an answer did not come, or broke off. However it ends, cancelled included, the session's history
    then holds what the client was shown.
    """
    bench = await equip(session, client)
    transcript = Transcript(prompt, session.history)
    turn = _Turn(session, bench, transcript)
    try:
        return Outcome(await turn.run(), turn.usages)
    finally:
        session.remember(transcript.messages)


class _Turn:
    def __init__(self, session: Session, bench: Workbench, transcript: Transcript) -> None:
        self._session = session
        self._bench = bench
        self._transcript = transcript
        self._toolbox = Toolbox(session, bench, transcript)
        self.usages: list[Usage] = []
        self._retried = False
        self._slow = False

    async def run(self) -> StopReason:
        await self._bench.servers.ready()
        for _ in range(self._session.settings.max_turn_requests):
            for news in self._bench.servers.news():
                await self._tell(news)
            response = await self._answer()
            reason = response.choices[0].finish_reason if response.choices else ""
            calls = self._transcript.open_calls
            if not calls or reason in _OVER:
                return _STOP_REASONS.get(reason, "end_turn")
            for call in calls:
                await self._toolbox.run(call)
        return "max_turn_requests"

    async def _answer(self) -> ChatResponse:
        model = self._session.model
        if model is None:
            raise ModelNotFound("No backend offers a model: name one in acp.default_model or start a backend")
        tools = [] if model in self._bench.toolless else self._toolbox.offered()
        try:
            return await self._ask(tools)
        except UpstreamRejected as refusal:
            if not tools or "tool" not in refusal.message.lower():
                raise
        self._bench.toolless.add(model)
        await self._tell(f"{model} takes no tools: going on without them")
        return await self._ask([])

    async def _ask(self, tools: list[Tool]) -> ChatResponse:
        updates, answer = Updates(), Fold()
        try:
            with self._telling_of_silence():
                opening = await open_reply(self._session, self._transcript.asked, tools)
            async with opening as reply:
                await self._tell_retry(reply)
                async for frame in reply:
                    for event in frame.events:
                        answer.add(event)
                        update = updates.of(event)
                        if update is not None:
                            await self._bench.client.update(self._session.id, update)
        finally:
            self._transcript.answer(answer.response)
        self._session.spend(reply.cost)
        response = answer.response
        if response.usage is not None:
            self.usages.append(response.usage)
        return response

    @contextmanager
    def _telling_of_silence(self) -> Generator[None]:
        """Inside the block the user is told once a turn that it takes long: a slow model and a stuck one look alike."""
        waiting = trio.CancelScope()

        async def tell() -> None:
            with waiting:
                await trio.sleep(_LONG)
                self._slow = True
                await self._tell(f"{self._session.model} has not begun to answer for {_LONG:g} s; still waiting")

        if not self._slow:
            self._session.nursery.start_soon(tell)
        try:
            yield
        finally:
            waiting.cancel()

    async def _tell_retry(self, reply: Reply) -> None:
        """Once a turn: the user may wonder what took so long, or why another backend or model answers."""
        if self._retried:
            return
        if (fallen := reply.fallback) is not None:
            self._retried = True
            await self._tell(f"{fallen.original} could not answer ({fallen.reason}): {fallen.model} does")
        elif reply.attempts > 1:
            self._retried = True
            await self._tell(f"Attempt {reply.attempts} worked: {reply.backend} answers")

    async def _tell(self, text: str) -> None:
        await self._bench.client.update(self._session.id, thought(text))
