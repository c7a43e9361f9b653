"""One try at one backend: sends, waits for the first content, and records how it ended, once."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

import trio

from continuum.backends.outcome import Outcome
from continuum.chat import Fold, unfold
from continuum.core.classify import refusal
from continuum.core.frame import Frame
from continuum.core.retry_after import retry_after
from continuum.core.upstream_stream import UpstreamStream, renamed
from continuum.errors import UpstreamError, UpstreamProtocolError, UpstreamRejected
from continuum.redact import CREDENTIAL, PROSE, unquoted
from continuum.resilience.breaker import SPENT

if TYPE_CHECKING:
    from continuum.backends.catalog import Served
    from continuum.backends.client import UpstreamResponse
    from continuum.chat import Event, GlobalPrompt, Usage
    from continuum.core.call import Call
    from continuum.core.patience import Patience
    from continuum.dialects import Dialect

__all__ = ["Attempt"]

T = TypeVar("T")

_MAX_ERROR_BODY = 64 * 1024


class Attempt:
    """Owns the backend's answer from `open` until `close`.

    After open: `body` holds a whole answer in the backend's dialect, or `held` the frames up to the first content.
    abandoned: it was closed before the backend had said all.
    """

    def __init__(self, call: Call, served: Served, patience: Patience, *, prompt: GlobalPrompt | None = None) -> None:
        self.backend = served.backend
        self.body: bytes | None = None
        self.held: list[Frame] = []
        self._call = call
        self._upstream_model = served.upstream
        self._provider = served.backend.provider
        self._dialect = self._provider.dialects[call.operation]
        self._patience = patience
        self._prompt = prompt
        self._began = trio.current_time()
        self._first_content: float | None = None
        self._response: UpstreamResponse | None = None
        self._stream: UpstreamStream | None = None
        self._usage: Usage | None = None
        self._said: bytes | None = None
        self._open = False
        self._server_held = False
        self._base = ""
        self._unfolded = False
        self._key = 0
        self._ticket = SPENT
        self.abandoned = False
        self._wait: trio.CancelScope | None = None
        self._cut: UpstreamError | None = None

    @property
    def dialect(self) -> Dialect:
        """The wire format of `body` and of frames' `raw`."""
        return self._dialect

    @property
    def usage(self) -> Usage | None:
        """What was used, as far as the backend has said."""
        return self._stream.usage if self._stream is not None else self._usage

    @property
    def whole(self) -> bool:
        """Whether the backend has said all it has to say."""
        return self.body is not None or self._unfolded or (self._stream is not None and self._stream.complete)

    async def open(self) -> None:
        """Send and wait for the first content event, or for the whole answer. Raises UpstreamError, closed."""
        backend, asked_at = self.backend, self._began
        backend.in_flight += 1
        backend.cutters.add(self.cut)
        if backend.is_cut:
            backend.cut()
        self._ticket = backend.breaker.begin()
        self._open = True
        try:
            if backend.managed is None:
                self._base = await backend.acquire()
            else:
                self._base = await self._acquire()
                asked_at = trio.current_time()
            self._server_held = True
            await self._answered(asked_at)
            self._ticket = backend.answering(self._ticket)
        except UpstreamError as fault:
            self._withhold(fault)
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
            return await self._receive(self._patience.gap)
        except UpstreamError as fault:
            self._withhold(fault)
            await self.close(fault)
            raise

    async def close(self, error: UpstreamError | None = None) -> None:
        """Let go of the backend and record the outcome; only the first call does anything."""
        if not self._open:
            return
        self._open = False
        if self._call.record is not None and self._response is not None and self._dialect.streams:
            self._call.record.answered(self.backend.name, self._said)
        whole = self.whole
        self.abandoned = error is None and not whole
        try:
            if self._response is not None:
                await (self._response.finish() if error is None and whole else self._response.aclose())
        finally:
            self.backend.in_flight -= 1
            self.backend.cutters.discard(self.cut)
            if self._server_held:
                self.backend.release()
            now = trio.current_time()
            self.backend.record(
                Outcome(
                    self.backend.name,
                    self._call.model,
                    error=error,
                    cancelled=self.abandoned,
                    first_content=self._first_content,
                    total=now - self._began,
                    usage=self.usage,
                    key=self._key,
                    ticket=self._ticket,
                ),
                now,
            )

    async def _answered(self, asked_at: float) -> None:
        """Wait for the first content, or for the whole answer: one scope, whose deadline moves on with it. asked_at:
        when the server was there to be asked.
        """
        patience, late = self._patience, "the backend did not begin to answer in time"
        with trio.CancelScope(deadline=patience.first_byte_by(asked_at)) as scope:
            self._wait = scope
            if self._cut is not None:
                raise self._cut
            await self._begin(asked_at)
            self._first_content = trio.current_time() - self._began
            if self._call.stream:
                return
            late = "the backend's answer was not whole in time"
            scope.deadline = patience.whole_by
            await self._take_whole()
            return
        raise self._late(late)

    def cut(self, kind: type[UpstreamError], words: str, *, begun: bool = True) -> None:
        """End it where it waits, with this fault; begun: also when its first content has come."""
        if self._first_content is not None and not begun:
            return
        self._cut = kind(words)
        if self._wait is not None:
            self._wait.cancel()

    def _withhold(self, fault: UpstreamError) -> None:
        """A backend may quote what it was sent: the caller sees nothing of its credentials, nor of a prompt that is
        not the caller's own.
        """
        hidden = [(secret.reveal(), CREDENTIAL) for secret in self.backend.config.credentials]
        if self._prompt is not None:
            hidden.append((self._prompt.text, PROSE))
        fault.message = _without(fault.message, hidden)
        fault.args = (fault.message,)
        fault.code = _without(fault.code, hidden)
        if isinstance(fault, UpstreamRejected):
            fault.kind = _without(fault.kind, hidden)
            fault.param = None if fault.param is None else _without(fault.param, hidden)

    async def _within(self, by: float, step: Callable[[], Awaitable[T]], late: str) -> T:
        with trio.move_on_at(by) as self._wait:
            if self._cut is None:
                return await step()
        raise self._late(late)

    def _late(self, words: str) -> UpstreamError:
        """Why a wait is over."""
        if self._cut is not None:
            return self._cut
        return self._patience.ended(words, trio.current_time())

    async def _acquire(self) -> str:
        """A managed server may have to be started: that wait has its own bound, and is none of the model's time."""
        base = await self._within(self._patience.callers_by, self.backend.acquire, "the server did not start in time")
        self._patience.extend(trio.current_time() - self._began)
        return base

    async def _begin(self, now: float) -> None:
        call, provider, dialect = self._call, self._provider, self._dialect
        streamed = call.stream or (provider.always_stream and dialect.streams)
        body = call.render(dialect, model=self._upstream_model, stream=streamed, prompt=self._prompt)
        path = provider.target(provider.paths[call.operation], self._upstream_model, self.backend.config)
        if call.record is not None:
            call.record.asked(self.backend.name, body)
        self._key = self.backend.keys.take(now)
        self._response = response = await self.backend.send(self._base, path, body, self._key)
        if response.status != 200:
            error = dialect.read_error(await response.read_some(_MAX_ERROR_BODY))
            wait = retry_after(response.headers, error, longest=self.backend.longest_rest)
            raise refusal(provider, response.status, error, wait)
        if not streamed:
            await response.prefetch()
            return
        if response.content_type == "application/json":
            if call.stream:
                await self._unfold()
            return
        self._stream = UpstreamStream(dialect, rename=call.model if provider.answers_alias else None)
        while not any(frame.has_content() for frame in self.held):
            frames = await self._receive()
            if not frames:
                raise UpstreamProtocolError("the backend's answer is empty")
            self.held += frames

    async def _receive(self, gap: float = math.inf) -> list[Frame]:
        """Frames as soon as there are any. gap: seconds between two signs of life, of which any byte is one."""
        stream, response = self._stream, self._response
        while stream is not None and response is not None and not stream.complete:
            if stream.failed is not None:
                raise stream.failed
            by = min(trio.current_time() + gap, self._patience.whole_by)
            if frames := stream.feed(await self._within(by, response.receive, "the backend stopped sending")):
                if self._call.record is not None:
                    self._call.record.heard(frames)
                return frames
        return []

    async def _take_whole(self) -> None:
        """The body, from an answer in one piece or from a stream: until it is here, retries are possible."""
        if self._stream is None:
            body, self._usage = await self._read(self.dialect.read_usage)
            if self._provider.answers_alias:
                body = renamed(body, self.dialect.read_response(body).model, self._call.model)
            self.body = body
            return
        folder = Fold()
        while frames := self.held or await self._receive():
            self.held = []
            for frame in frames:
                for event in frame.events:
                    folder.add(event)
        self.body = self.dialect.write_response(folder.response)

    async def _read(self, view: Callable[[bytes], T]) -> tuple[bytes, T]:
        response = self._response
        assert response is not None, "only after the head is here"  # noqa: S101 - for the type checker
        body = self._said = await response.read()
        return body, view(body)

    async def _unfold(self) -> None:
        """A server that knows no streams gave its whole answer: it becomes one."""
        _, answer = await self._read(self.dialect.read_response)
        self._usage = answer.usage
        self._unfolded = True
        writer = self.dialect.writer()
        events: list[Event] = []
        for event in unfold(answer):
            events.append(event)
            payload = writer.write(event)
            if payload is not None:  # what the dialect does not say travels with the next that it does
                self.held.append(Frame(payload, events))
                events = []


def _without(text: str, hidden: Iterable[tuple[str, int]]) -> str:
    """The text without what it quotes of these, in runs of so many characters."""
    for source, run in hidden:
        text = unquoted(text, source, run)
    return text
