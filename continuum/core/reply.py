"""An answer on its way to the caller: whole, or frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import trio

from continuum.chat import UsageReported, VendorFields
from continuum.core.ending import Ending
from continuum.core.estimate import BYTES_PER_TOKEN
from continuum.errors import StreamBroken, UpstreamError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from continuum.chat import Usage
    from continuum.core.attempt import Attempt
    from continuum.core.call import Call
    from continuum.core.ending import Accounts
    from continuum.core.fallback import Fallen
    from continuum.core.frame import Frame
    from continuum.core.limits import Standing, Ticket
    from continuum.core.plan import Plan
    from continuum.dialects import Dialect
    from continuum.resilience.retry import Tries

__all__ = ["Reply"]


class Reply:
    """What Engine.open gives. `async with` it: leaving closes the upstream, wherever the answer stands.

    model: who answers. attempts: how many it took. body: the whole answer in `dialect`, None when it streams.
    fallback: set where another model answers than the one that was asked for. cost: US dollars, once it is closed;
    None where that is not known.
    """

    def __init__(self, call: Call, attempt: Attempt, tries: Tries, ticket: Ticket, plan: Plan) -> None:
        self.model = plan.model
        self.fallback: Fallen | None = None
        self.attempts = tries.made
        self._plan = plan
        self._attempt = attempt
        self._tries = tries
        self._ticket = ticket
        self._passed_on = 0
        self._show_usage = call.show_usage
        self._batch: list[Frame] = []
        self._next = 0
        self.cost: float | None = None
        self._broken: str | None = None
        self._asked: tuple[Call, float, float] | None = None
        self._accounts: Accounts | None = None

    def answers(self, call: Call, began: float, accounts: Accounts) -> None:
        """It is the answer to this call, whose first content is here now. accounts: who is told how it ends."""
        self._asked = call, began, trio.current_time()
        self._accounts = accounts

    @property
    def backend(self) -> str:
        """The name of the backend that answers."""
        return self._attempt.backend.name

    @property
    def dialect(self) -> Dialect:
        """The wire format of `body` and of frames' `raw`."""
        return self._attempt.dialect

    @property
    def body(self) -> bytes | None:
        """The whole answer, or None."""
        return self._attempt.body

    @property
    def usage(self) -> Usage | None:
        """What was used, as far as the backend has said."""
        return self._attempt.usage

    @property
    def whole(self) -> bool:
        """Whether nothing follows the frames that were given last."""
        return self._attempt.whole

    @property
    def standing(self) -> Standing | None:
        """Where the caller stands with its own limits, None without any."""
        return self._ticket.standing

    async def frames(self) -> Sequence[Frame]:
        """The frames that are here now, after waiting for one; empty at the answer's end. Raises StreamBroken."""
        while True:
            try:
                frames = await self._attempt.receive()
            except UpstreamError as fault:
                self._broken = StreamBroken.code
                raise StreamBroken(fault.message) from None
            self._passed_on += len(frames)
            if not frames or self._show_usage or self._attempt.usage is None:
                return frames
            if shown := [frame for frame in frames if not _only_usage(frame)]:
                return shown

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        if self._next >= len(self._batch):
            self._batch, self._next = list(await self.frames()), 0
            if not self._batch:
                raise StopAsyncIteration
        frame = self._batch[self._next]
        self._next += 1
        return frame

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the upstream, record the outcome, and settle what the call took of its limits."""
        try:
            await self._attempt.close()
        finally:
            self._tries.end()
            self._ticket.close(self.usage, self._tokens_seen())
            self._account()

    def _account(self) -> None:
        """Tell how it ended, once."""
        accounts, self._accounts = self._accounts, None
        if accounts is None or self._asked is None:
            return
        call, began, answered = self._asked
        self.cost = accounts.end(
            Ending(
                call,
                self._plan.listed,
                trio.current_time() - began,
                backend=self._attempt.backend,
                upstream_model=self._plan.upstream(self._attempt.backend),
                error=self._broken,
                cancelled="streaming" if self._attempt.abandoned else None,
                attempts=self.attempts,
                fallback=self.fallback,
                ttft=answered - began,
                usage=self.usage,
            )
        )

    def _tokens_seen(self) -> int:
        """About as many tokens as went by: a frame is mostly one."""
        return self._passed_on if self.body is None else len(self.body) // BYTES_PER_TOKEN


def _only_usage(frame: Frame) -> bool:
    events = frame.events
    if not events or type(events[-1]) not in _ASIDE:  # nearly all
        return False
    kinds = {type(event) for event in events}
    return UsageReported in kinds and kinds <= _ASIDE


_ASIDE = frozenset({UsageReported, VendorFields})
