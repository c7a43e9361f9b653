"""One try at one backend: sends, waits for the first content, and records how it ended, once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import trio

from continuum.backends.outcome import Outcome
from continuum.chat import Fold, unfold
from continuum.core.classify import refusal, retry_after
from continuum.core.frame import Frame
from continuum.core.upstream_stream import UpstreamStream
from continuum.errors import UpstreamError, UpstreamProtocolError, UpstreamTimeout

if TYPE_CHECKING:
    from continuum.backends.catalog import Served
    from continuum.backends.client import UpstreamResponse
    from continuum.chat import ChatResponse, Event, Usage
    from continuum.config import Timeouts
    from continuum.core.call import Call
    from continuum.dialects import Dialect

__all__ = ["Attempt"]

T = TypeVar("T")

_MAX_ERROR_BODY = 64 * 1024


class Attempt:
    """Owns the backend's answer from `open` until `close`.

    After open: `body` holds a whole answer in the backend's dialect, or `held` the frames up to the first content.
    """

    def __init__(self, call: Call, served: Served, timeouts: Timeouts) -> None:
        self.backend = served.backend
        self.body: bytes | None = None
        self.held: list[Frame] = []
        self._call = call
        self._upstream_model = served.upstream
        self._provider = served.backend.provider
        request = timeouts.of(call.model)
        times = request.streaming if call.stream else request.standard
        self._gap = request.streaming.chunk_interval
        self._began = trio.current_time()
        self._first_byte_by = self._began + min(times.first_byte, times.total)
        self._whole_by = self._began + times.total
        self._first_content: float | None = None
        self._response: UpstreamResponse | None = None
        self._stream: UpstreamStream | None = None
        self._usage: Usage | None = None
        self._open = False
        self._server_held = False
        self._base = ""

    @property
    def dialect(self) -> Dialect:
        """The wire format of `body` and of frames' `raw`."""
        return self._provider.dialect

    @property
    def usage(self) -> Usage | None:
        """What was used, as far as the backend has said."""
        return self._stream.usage if self._stream is not None else self._usage

    async def open(self) -> None:
        """Send and wait for the first content event, or for the whole answer. Raises UpstreamError, closed."""
        self.backend.in_flight += 1
        self._open = True
        try:
            # A managed server may have to be started: that wait has its own bound, and is none of the model's time.
            self._base = await self.backend.acquire()
            self._server_held = True
            started_in = trio.current_time() - self._began
            self._first_byte_by += started_in
            self._whole_by += started_in
            await self._within(self._first_byte_by, self._begin, "the backend did not begin to answer in time")
            self._first_content = trio.current_time() - self._began
            if not self._call.stream:
                await self._within(self._whole_by, self._take_whole, "the backend's answer was not whole in time")
        except UpstreamError as fault:
            await self.close(fault)
            raise
        except BaseException:
            await self.close()
            raise

    async def receive(self) -> list[Frame]:
        """The next frames of a stream, [] at its end. Raises UpstreamError, closed."""
        if self.held:
            frames, self.held = self.held, []
            return frames
        try:
            by = min(trio.current_time() + self._gap, self._whole_by)
            return await self._within(by, self._receive, "the backend stopped sending")
        except UpstreamError as fault:
            await self.close(fault)
            raise

    async def close(self, error: UpstreamError | None = None) -> None:
        """Let go of the backend and record the outcome; only the first call does anything."""
        if not self._open:
            return
        self._open = False
        whole = self.body is not None or (self._stream is not None and self._stream.complete)
        try:
            if self._response is not None:
                await (self._response.finish() if error is None and whole else self._response.aclose())
        finally:
            self.backend.in_flight -= 1
            if self._server_held:
                self.backend.release()
            self.backend.record(
                Outcome(
                    self.backend.name,
                    self._call.model,
                    error=error,
                    cancelled=error is None and not whole,
                    first_content=self._first_content,
                    total=trio.current_time() - self._began,
                    usage=self.usage,
                )
            )

    @staticmethod
    async def _within(by: float, step: Callable[[], Awaitable[T]], late: str) -> T:
        with trio.move_on_at(by):
            return await step()
        raise UpstreamTimeout(late)

    async def _begin(self) -> None:
        call, provider = self._call, self._provider
        streamed = call.stream or provider.always_stream
        body = call.render(provider.dialect, model=self._upstream_model, stream=streamed)
        self._response = response = await self.backend.send(self._base, "POST", provider.paths[call.operation], body)
        if response.status != 200:
            error = provider.dialect.read_error(await response.read(_MAX_ERROR_BODY))
            raise refusal(provider, response.status, error, retry_after(response.headers.get("retry-after")))
        if not streamed:
            return
        if response.content_type == "application/json":
            await self._unfold()
            return
        self._stream = UpstreamStream(provider.dialect, rename=call.model if provider.answers_alias else None)
        while not any(frame.has_content() for frame in self.held):
            frames = await self._receive()
            if not frames:
                raise UpstreamProtocolError("the backend's answer is empty")
            self.held += frames

    async def _receive(self) -> list[Frame]:
        stream, response = self._stream, self._response
        while stream is not None and response is not None and not stream.complete:
            if stream.failed is not None:
                raise stream.failed
            if frames := stream.feed(await response.receive()):
                return frames
        return []

    async def _take_whole(self) -> None:
        """The body, from an answer in one piece or from a stream: until it is here, retries are possible."""
        if self._stream is None:
            await self._read()
            return
        folder = Fold()
        while frames := self.held or await self._receive():
            self.held = []
            for frame in frames:
                for event in frame.events:
                    folder.add(event)
        self.body = self.dialect.write_response(folder.response)

    async def _read(self) -> ChatResponse:
        response = self._response
        assert response is not None, "only after the head is here"  # noqa: S101 - for the type checker
        self.body = await response.read()
        answer = self.dialect.read_response(self.body)
        self._usage = answer.usage
        return answer

    async def _unfold(self) -> None:
        """A server that knows no streams gave its whole answer: it becomes one."""
        answer = await self._read()
        writer = self.dialect.writer()
        events: list[Event] = []
        for event in unfold(answer):
            events.append(event)
            payload = writer.write(event)
            if payload is not None:  # what the dialect does not say travels with the next that it does
                self.held.append(Frame(payload, events))
                events = []
