"""The client as we address it: notifications, and our requests to it (files, terminals, permission)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import trio

from .jsonrpc import (
    INTERNAL_ERROR,
    JsonObject,
    RequestId,
    Response,
    RpcError,
    encode_notification,
    encode_request,
    is_object,
)

if TYPE_CHECKING:
    from .sent.requests import Ask
    from .sent.updates import SessionUpdate, Update

__all__ = ["Client", "ClientGone"]

Late = Callable[[JsonObject], None]
P = TypeVar("P", bound=Mapping[str, object])

_UPDATE: Final = "session/update"

# Where each ability may stand: the standard's nested objects, and the flat form that some clients send.
_ABILITIES: Final = {
    "read": (("fs", "readTextFile"), ("readTextFile",)),
    "write": (("fs", "writeTextFile"), ("writeTextFile",)),
    "terminal": (("terminal",),),
}


class Transport(Protocol):
    """What carries our lines: stdio, or whatever stands in for an editor."""

    def post(self, line: bytes) -> None:
        """Send a line; never waits."""
        ...

    async def room(self) -> None:
        """Wait while the other side is far behind."""
        ...


class ClientGone(RpcError):
    """The client has ended its side: nobody will answer."""

    def __init__(self) -> None:
        super().__init__(INTERNAL_ERROR, "the client has gone")


class _Question:
    """A request of ours that is not answered yet. late: what an answer means that comes when nobody waits any more."""

    def __init__(self, late: Late | None) -> None:
        self.answer: Response | None = None
        self.answered = trio.Event()
        self._late = late
        self._waiting = True

    def settle(self, answer: Response) -> None:
        """It is answered."""
        self.answer = answer
        self.answered.set()
        self._look_back()

    def leave(self) -> None:
        """Whoever waited was cancelled, maybe in the very moment in which the answer came."""
        self._waiting = False
        self._look_back()

    def _look_back(self) -> None:
        if self.answer is not None and self.answer.error is None and not self._waiting and self._late is not None:
            self._late(_object(self.answer.result))


class Client:
    """The other end of the channel. capabilities: what it says it can do."""

    def __init__(self, transport: Transport) -> None:
        self.capabilities: JsonObject = {}
        self._transport = transport
        self._questions: dict[RequestId, _Question] = {}
        self._last_id = 0
        self._gone = False
        self._watchers: dict[str, Callable[[Update], None]] = {}

    def can(self, ability: str) -> bool:
        """Whether it advertises `read`, `write` or `terminal`."""
        return any(_leaf(self.capabilities, path) is True for path in _ABILITIES[ability])

    @contextmanager
    def watched(self, session_id: str, watch: Callable[[Update], None]) -> Generator[None]:
        """Inside the block `watch` sees each update of the session as it is sent."""
        self._watchers[session_id] = watch
        try:
            yield
        finally:
            del self._watchers[session_id]

    async def update(self, session_id: str, update: Update) -> None:
        """Tell the client of one thing that happened in a session; then wait while it is far behind in reading.

        Once called it is told, cancelled or not.
        """
        self.post_update(session_id, update)
        await self._transport.room()

    def post_update(self, session_id: str, update: Update) -> None:
        """The same without waiting: for what is small and rare, and for the little that is said on the way out."""
        watch = self._watchers.get(session_id)
        if watch is not None:
            watch(update)
        params: SessionUpdate = {"sessionId": session_id, "update": update}
        self._transport.post(encode_notification(_UPDATE, params))

    def tell(self, ask: Ask[P], params: P) -> None:
        """Ask for something whose answer nobody waits for, from where nothing may be awaited."""
        self._post(self._new_id(), ask.method, params)

    async def request(self, ask: Ask[P], params: P, *, late: Late | None = None) -> JsonObject:
        """Ask and wait; null and whatever is no object count as an empty one.

        late: called with a result that comes after the wait was cancelled (a terminal that nobody wants now).
        RpcError: the client refused. ClientGone: it left.
        """
        if self._gone:
            raise ClientGone
        ident, question = self._new_id(), _Question(late)
        self._questions[ident] = question  # first: who stands in for an editor may answer at once
        self._post(ident, ask.method, params)
        try:
            await question.answered.wait()
        except trio.Cancelled:
            if late is None:  # a client that never answers must not fill memory
                self._questions.pop(ident, None)
            question.leave()
            raise
        if question.answer is None:
            raise ClientGone
        if question.answer.error is not None:
            raise _refusal(question.answer.error)
        return _object(question.answer.result)

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _post(self, ident: int, method: str, params: Mapping[str, object]) -> None:
        self._transport.post(encode_request(ident, method, params))

    def deliver(self, response: Response) -> None:
        """An answer came. To what nobody asked, or a second time: nothing."""
        question = self._questions.pop(response.id, None)
        if question is not None:
            question.settle(response)

    def gone(self) -> None:
        """The client sends nothing any more: who waits for an answer is told."""
        self._gone = True
        for question in self._questions.values():
            question.answered.set()
        self._questions.clear()


def _leaf(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if is_object(value) else None
    return value


def _object(result: object) -> JsonObject:
    return result if is_object(result) else {}


def _refusal(error: object) -> RpcError:
    code, message = (error.get("code"), error.get("message")) if is_object(error) else (None, None)
    known = code if isinstance(code, int) and not isinstance(code, bool) else INTERNAL_ERROR
    return RpcError(known, message if isinstance(message, str) and message else "the client refused")
