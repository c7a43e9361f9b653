"""The server: real sockets on 127.0.0.1, one task per connection, and a record of what became of each request."""

import socket
import struct
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field

import trio

from .answers import Answer, Completion, Plain
from .deaf import deafened
from .faces import FACES, Face
from .faults import fault_of
from .operations import Embeddings, TextCompletion
from .reading import Incoming, MalformedRequest
from .request import Request
from .steps import Close, Hang, Pause, Reset, Send, Step, Wait

HOST = "127.0.0.1"
BESIDE_CHAT: Mapping[str, Answer] = {"/v1/completions": TextCompletion(), "/v1/embeddings": Embeddings()}
"""The paths of other calls, and what each is answered when no script says otherwise."""

Script = Callable[[Request], Answer]
"""Decides on the answer to one call, when nothing was pushed for it."""


def ordinary(request: Request) -> Answer:
    """The default script: a model named `fault/NAME` gets that row of the table, any other the ordinary answer."""
    fault = fault_of(request.model)
    return fault.answer if fault else BESIDE_CHAT.get(request.path, Completion())


@dataclass(eq=False, slots=True)
class Connection:
    """One accepted connection; `closed` is set when either side has ended it."""

    number: int
    stream: trio.SocketStream
    requests: int = 0
    closed: trio.Event = field(default_factory=trio.Event)


class Upstream:
    """A running scripted upstream: its address, its script, and all it has received.

    pages: path to what a GET of it is answered with instead of the face's own page.
    """

    def __init__(self, port: int, script: Script, models: Sequence[str], face: Face) -> None:
        self._socket = _bound(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self.script = script
        self.models = tuple(models)
        self.face = face
        self.pages: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self.connections: list[Connection] = []
        self._pushed: list[Answer] = []
        self._calls_sent, self._calls = trio.open_memory_channel[Request](2**20)
        self._looks_sent, self._looks = trio.open_memory_channel[Request](2**20)
        self._accepting: trio.CancelScope | None = None
        self._down = trio.Event()

    @property
    def calls(self) -> list[Request]:
        """The chat requests, in order of arrival: everything but model lists and probes."""
        return [request for request in self.requests if request.method == "POST"]

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return sum(not connection.closed.is_set() for connection in self.connections)

    def push(self, *answers: Answer) -> None:
        """Answer the next chat requests with these, one each, before the script is asked again."""
        self._pushed.extend(answers)

    async def next_call(self) -> Request:
        """Wait for the next chat request that was not handed out yet."""
        return await self._calls.receive()

    @property
    def looks(self) -> list[Request]:
        """The other requests: model lists and probes."""
        return [request for request in self.requests if request.method != "POST"]

    async def next_look(self) -> Request:
        """Wait for the next model list or probe that was not handed out yet."""
        return await self._looks.receive()

    async def serve(self, nursery: trio.Nursery) -> None:
        """Start to listen; connections live in the nursery."""
        await nursery.start(self._accept, nursery)

    async def go_down(self) -> None:
        """Refuse connections and reset the open ones, as a server that died; the port stays ours."""
        if self._accepting is None:
            return
        self._accepting.cancel()
        await self._down.wait()
        for connection in self.connections:
            if connection.stream.socket.fileno() >= 0:
                _reset(connection)
        self._socket = _bound(self.port)

    def deafened(self) -> AbstractContextManager[None]:
        """Let nobody in and refuse nobody, instead of serving."""
        return deafened(self._socket)

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()
        for channel in (self._calls_sent, self._calls, self._looks_sent, self._looks):
            channel.close()

    async def _accept(self, nursery: trio.Nursery, task_status: trio.TaskStatus[None]) -> None:
        self._socket.listen(1024)
        self._down = trio.Event()
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._socket))
        try:
            async with listener, trio.open_nursery() as accepting:
                self._accepting = accepting.cancel_scope
                task_status.started()
                while True:
                    stream = await listener.accept()
                    nursery.start_soon(self._converse, stream)
        finally:
            self._accepting = None
            self._down.set()

    async def _converse(self, stream: trio.SocketStream) -> None:
        connection = Connection(len(self.connections) + 1, stream)
        self.connections.append(connection)
        incoming = Incoming(stream)
        try:
            async with stream:
                while request := await self._receive(incoming, connection):
                    if not await self._answer(request, connection, incoming):
                        break
        except (trio.BrokenResourceError, trio.ClosedResourceError, MalformedRequest):
            pass  # the caller is gone, or speaks no HTTP: nobody is left to tell
        finally:
            connection.closed.set()

    async def _receive(self, incoming: Incoming, connection: Connection) -> Request | None:
        received = await incoming.request()
        if received is None:
            return None
        connection.requests += 1
        request = Request(
            received.method,
            received.target,
            received.headers,
            received.body,
            order=len(self.requests) + 1,
            ordinal=connection.requests,
            connection=connection.number,
            at=trio.current_time(),
        )
        self.requests.append(request)
        (self._calls_sent if request.method == "POST" else self._looks_sent).send_nowait(request)
        return request

    async def _answer(self, request: Request, connection: Connection, incoming: Incoming) -> bool:
        """Take the answer's steps while watching for the caller to leave; whether the connection is kept."""
        kept = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_watch, incoming, nursery.cancel_scope)
                kept = await _take(self._steps(request), connection)
                request.answered.set()
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        if not request.answered.is_set() and not connection.closed.is_set():
            request.mark_aborted(trio.current_time())
        return kept

    def _steps(self, request: Request) -> Iterable[Step]:
        return self._choose(request).steps(request)

    def _choose(self, request: Request) -> Answer:
        if request.method == "POST":
            if request.path not in BESIDE_CHAT and not self.face.chat.fullmatch(request.path):
                return Plain(b"", 404)
            return self._pushed.pop(0) if self._pushed else self.script(request)
        page = self.face.pages(self.models).get(request.path)
        return self.pages.get(request.path) or Plain(b"" if page is None else page, 404 if page is None else 200)


@asynccontextmanager
async def open_upstream(
    script: Script | Answer | None = None,
    *,
    models: Sequence[str] = ("test-model",),
    face: str = "openai",
    port: int = 0,
    listens: bool = True,
    deaf: bool = False,
) -> AsyncGenerator[Upstream]:
    """A scripted upstream for as long as the block lasts; port 0 takes a free one. face: a row of FACES.

    `script` is one answer for every chat request, or a function that decides. An upstream that does not `listen`
    refuses connections while its port stays taken; one that is `deaf` takes none and refuses none.
    """
    upstream = Upstream(port, _as_script(script), models, FACES[face])
    try:
        async with trio.open_nursery() as nursery:
            if listens and not deaf:
                await upstream.serve(nursery)
            with upstream.deafened() if deaf else nullcontext():
                yield upstream
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        only, *others = group.exceptions
        if others:
            raise
        raise only from None  # the block's own exception, as it was raised
    finally:
        upstream.close()


def _as_script(script: Script | Answer | None) -> Script:
    if script is None:
        return ordinary
    if callable(script):
        return script
    answer = script
    return lambda _request: answer


def _bound(port: int) -> socket.socket:
    """A socket that holds the port without listening: connections are refused until it does."""
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((HOST, port))
    held.settimeout(0)
    return held


async def _watch(incoming: Incoming, scope: trio.CancelScope) -> None:
    """Cancel when the caller closes; what it sends meanwhile waits for its turn."""
    await incoming.until_closed()
    scope.cancel()


async def _take(steps: Iterable[Step], connection: Connection) -> bool:
    """Take the steps in order; whether the connection is kept for another request."""
    for step in steps:
        match step:
            case Send(data):
                await connection.stream.send_all(data)
            case Wait(gate):
                await gate.wait()
            case Pause(seconds):
                await trio.sleep(seconds)
            case Hang():
                await trio.sleep_forever()
            case Close():
                return False
            case Reset():
                _reset(connection)
                return False
    return True


def _reset(connection: Connection) -> None:
    """Close at once with RST: what was not sent yet is dropped."""
    connection.closed.set()
    linger_at_most_zero_seconds = struct.pack("ii", 1, 0)
    connection.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_at_most_zero_seconds)
    connection.stream.socket.close()
