"""An answer on its way to the caller: whole, or frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from continuum.chat import UsageReported, VendorFields
from continuum.core.estimate import BYTES_PER_TOKEN
from continuum.errors import StreamBroken, UpstreamError
from continuum.metrics import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from continuum.chat import Usage
    from continuum.core.attempt import Attempt
    from continuum.core.call import Call
    from continuum.core.fallback import Fallen
    from continuum.core.frame import Frame
    from continuum.core.limits import Standing, Ticket
    from continuum.dialects import Dialect
    from continuum.metrics import Counters
    from continuum.resilience.retry import Tries

__all__ = ["Reply"]


class Reply:
    """What Engine.open gives. `async with` it: leaving closes the upstream, wherever the answer stands.

    attempts: how many it took. body: the whole answer in `dialect`, None when it streams. fallback: set
    where another model answers than the one that was asked for. counters: where it is counted when it is given up.
    """

    def __init__(self, call: Call, attempt: Attempt, tries: Tries, ticket: Ticket, *, model: str) -> None:
        self.model = model
        self.counters: Counters | None = None
        self.fallback: Fallen | None = None
        self.attempts = tries.made
        self._attempt = attempt
        self._tries = tries
        self._ticket = ticket
        self._passed_on = 0
        self._show_usage = call.show_usage
        self._batch: list[Frame] = []
        self._next = 0

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
    def standing(self) -> Standing | None:
        """Where the caller stands with its own limits, None without any."""
        return self._ticket.standing

    async def frames(self) -> Sequence[Frame]:
        """The frames that are here now, after waiting for one; empty at the answer's end. Raises StreamBroken."""
        while True:
            try:
                frames = await self._attempt.receive()
            except UpstreamError as fault:
                raise StreamBroken(fault.message) from None
            self._passed_on += len(frames)
            if not frames or self._show_usage:
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
            if self._attempt.abandoned and self.counters is not None:
                self.counters.count(CANCELLED, "streaming")
                self.counters = None
        finally:
            self._tries.end()
            self._ticket.close(self.usage, self._tokens_seen())

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
