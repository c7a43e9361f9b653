"""The client's end of an agent that runs inside the test, and a scripted host for it to ask. No subprocess here."""

import json
import os
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trio
from acp_schema import hold_to_schema
from patience import PATIENCE_S

from continuum import config
from continuum.acp.greeting import Greeting
from continuum.acp.server import serve
from continuum.chat import ChatRequest, Event, Finished, GlobalPrompt, PartStarted, Started, TextDelta
from continuum.config import BackendConfig, Config
from continuum.core import Call, Fallen

Json = dict[str, Any]
Step = Event | trio.Event | Exception
"""Of a scripted answer: told, waited for, or raised."""

HELLO: Json = {"protocolVersion": 1, "clientCapabilities": {}}


def text_answer(*pieces: str, reason: str = "stop") -> list[Step]:
    """An ordinary answer in these pieces."""
    return [
        Started("c-1", "m"),
        PartStarted(0, "text"),
        *(TextDelta(piece, 0) for piece in pieces),
        Finished(reason),
    ]


@dataclass
class ScriptedFrame:
    events: Sequence[Event]


@dataclass
class ScriptedReply:
    """One event a frame; remembers that it was closed."""

    steps: deque[Step]
    closed: trio.Event = field(default_factory=trio.Event)
    attempts: int = 1
    backend: str = "b"
    fallback: Fallen | None = None
    cost: float | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ScriptedFrame:
        while self.steps:
            step = self.steps.popleft()
            if isinstance(step, trio.Event):
                await step.wait()
            elif isinstance(step, Exception):
                raise step
            else:
                return ScriptedFrame([step])
        raise StopAsyncIteration


@dataclass(frozen=True)
class ScriptedModel:
    id: str
    context_window: int | None = None


@dataclass
class ScriptedHealth:
    usable: bool = True


@dataclass
class ScriptedBackend:
    name: str
    models: dict[str, str]
    health: ScriptedHealth = field(default_factory=ScriptedHealth)
    in_flight: int = 0


@dataclass
class ScriptedPool:
    backends: list[ScriptedBackend]


@dataclass
class ScriptedHost:
    """An instance whose answers are pushed by the test, in the order in which they are asked for."""

    answers: deque[Sequence[Step]] = field(default_factory=deque[Sequence[Step]])
    names: Sequence[str] = ("m", "n")
    context_window: int | None = None
    attempts: int = 1  # that the next replies took
    fallback: Fallen | None = None  # theirs, too
    cost: float | None = None  # of each
    prompt: GlobalPrompt | None = None  # that any call may get
    before_open: trio.Event | None = None  # the answer's first content waits for this
    requests: list[ChatRequest] = field(default_factory=list[ChatRequest])
    affinities: list[str | None] = field(default_factory=list[str | None])
    replies: list[ScriptedReply] = field(default_factory=list[ScriptedReply])
    asked: trio.Event = field(default_factory=trio.Event)  # set at every call

    @property
    def engine(self) -> Self:
        return self

    async def open(self, call: Call) -> ScriptedReply:
        assert call.request is not None
        self.requests.append(call.request)
        self.affinities.append(call.affinity)
        self.asked.set()
        steps = self.answers.popleft()
        if self.before_open is not None:
            await self.before_open.wait()
        if steps and isinstance(steps[0], Exception):
            raise steps[0]
        self.replies.append(ScriptedReply(deque(steps), attempts=self.attempts, fallback=self.fallback, cost=self.cost))
        return self.replies[-1]

    @property
    def config(self) -> Config:
        return config_of()

    async def look_again(self) -> bool:
        return False

    async def lend(self, backend: BackendConfig) -> None:
        raise AssertionError(backend.name)

    def models(self) -> list[ScriptedModel]:
        return [ScriptedModel(name, self.context_window) for name in self.names]

    @property
    def pool(self) -> ScriptedPool:
        return ScriptedPool([ScriptedBackend("b", {name: name for name in self.names})])

    def prompt_for(self, model: str) -> GlobalPrompt | None:
        assert model
        return self.prompt

    def default_model(self) -> str | None:
        return self.names[0] if self.names else None

    def texts(self, call: int) -> list[tuple[str, str]]:
        """What one call said, as (role, text)."""
        return [
            (message.role, "".join(getattr(part, "text", "?") for part in message.parts))
            for message in self.requests[call].messages
        ]


# Updates about a session rather than of a turn: most tests look past them.
NOTICES = {
    "available_commands_update",
    "config_option_update",
    "current_mode_update",
    "session_info_update",
    "usage_update",
}


class Peer:
    """A client: what it sends, and what it has received so far."""

    def __init__(self, in_fd: int, out_fd: int) -> None:
        self._out = trio.lowlevel.FdStream(out_fd)
        self._in = trio.lowlevel.FdStream(in_fd)
        self._buffer = bytearray()
        self._last_id = 0
        self._methods: defaultdict[object, str] = defaultdict(str)  # what was sent as bytes is not looked into
        self._answers: dict[tuple[str, object], deque[Json]] = {}
        self.updates: list[Json] = []
        self.notices: list[Json] = []
        self.exit_code: int | None = None

    async def send_bytes(self, data: bytes) -> None:
        await self._out.send_all(data)

    async def send(self, *messages: Json) -> None:
        """In one write."""
        for message in messages:
            if "id" in message and "method" in message:  # an id that is used twice says nothing of what is answered
                ident = message["id"]
                self._methods[ident] = "" if ident in self._methods else message["method"]
        await self.send_bytes(b"".join(json.dumps({"jsonrpc": "2.0", **m}).encode() + b"\n" for m in messages))

    async def end_input(self) -> None:
        await self._out.aclose()

    async def stop_listening(self) -> None:
        await self._in.aclose()

    async def receive(self) -> Json:
        """The next message that is no notice; updates are kept aside too."""
        while True:
            message = await self.receive_any()
            if message.get("method") != "session/update":
                return message
            notice = message["params"]["update"]["sessionUpdate"] in NOTICES
            (self.notices if notice else self.updates).append(message["params"])
            if not notice:
                return message

    async def notice(self, kind: str) -> Json:
        """The next notice of that kind; what else comes before it is kept aside."""
        while True:
            message = await self.receive_any()
            assert message.get("method") == "session/update", message
            update: Json = message["params"]["update"]
            notice = update["sessionUpdate"] in NOTICES
            (self.notices if notice else self.updates).append(message["params"])
            if update["sessionUpdate"] == kind:
                return update

    async def notice_kept(self, kind: str) -> Json:
        """The last notice of that kind that has come; else the next one."""
        for params in reversed(self.notices):
            if params["update"]["sessionUpdate"] == kind:
                update: Json = params["update"]
                return update
        return await self.notice(kind)

    async def receive_any(self) -> Json:
        """The next message."""
        while (end := self._buffer.find(b"\n")) < 0:
            data = await self._in.receive_some(65536)
            assert data, "the agent closed its output"
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        message: Json = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        hold_to_schema(message, self._methods)
        return message

    async def answer(self, ident: int | str | None) -> Json:
        """The answer to a request; other answers that come before it are kept for whoever asks for them."""
        wanted = (type(ident).__name__, ident)
        while wanted not in self._answers:
            message = await self.receive()
            if "method" not in message:
                self._answers.setdefault((type(message["id"]).__name__, message["id"]), deque()).append(message)
        answers = self._answers[wanted]
        answer = answers.popleft()
        if not answers:
            del self._answers[wanted]
        return answer

    async def update(self) -> Json:
        """The next session update."""
        message = await self.receive()
        assert message.get("method") == "session/update", message
        update: Json = message["params"]["update"]
        return update

    async def ask(self, method: str, params: Json | None = None) -> int:
        """Send a request; its id."""
        self._last_id += 1
        await self.send({"id": self._last_id, "method": method, **({} if params is None else {"params": params})})
        return self._last_id

    async def call(self, method: str, params: Json | None = None) -> Json:
        """Send a request and wait for its answer."""
        return await self.answer(await self.ask(method, params))

    async def initialize(self) -> Json:
        answer = await self.call("initialize", HELLO)
        result: Json = answer["result"]
        return result

    async def new_session(self) -> str:
        """Shake hands if need be; a session's id."""
        if self._last_id == 0:
            await self.initialize()
        answer = await self.call("session/new", {"cwd": "/", "mcpServers": []})
        ident: str = answer["result"]["sessionId"]
        return ident

    async def prompt(self, session: str, text: str = "hi") -> int:
        """Send a prompt; its id."""
        return await self.ask("session/prompt", {"sessionId": session, "prompt": [{"type": "text", "text": text}]})

    async def cancel(self, session: str) -> None:
        await self.send({"method": "session/cancel", "params": {"sessionId": session}})

    def said(self, kind: str = "agent_message_chunk") -> str:
        """All that was streamed so far."""
        updates = [update["update"] for update in self.updates]
        return "".join(update["content"]["text"] for update in updates if update["sessionUpdate"] == kind)

    async def wait_exit(self) -> int:
        """Close the input, let the agent end; its exit code."""
        await self.end_input()
        with trio.fail_after(PATIENCE_S):
            while await self._in.receive_some(65536):
                pass
        assert self.exit_code is not None
        return self.exit_code

    async def aclose(self) -> None:
        await self._out.aclose()
        await self._in.aclose()


def config_of(acp: Mapping[str, object] | None = None, storage: Path = Path("/nowhere")) -> config.Config:
    """A configuration that would do; only its `acp` section matters here."""
    backend = {"name": "b", "type": "generic", "url": "http://127.0.0.1:9/v1"}
    section: Json = {"sessions": {}, **(acp or {})}
    section["sessions"] = {"storage": "memory", **section["sessions"]}
    return config.from_mapping({"backends": [backend], "acp": section, "storage": {"dir": str(storage)}})


@asynccontextmanager
async def agent(
    host: ScriptedHost | None = None,
    *,
    acp: Mapping[str, object] | None = None,
    load: Callable[[], config.Config] | None = None,
    storage: Path = Path("/nowhere"),
    deferred: bool = False,
) -> AsyncGenerator[Peer]:
    """An agent inside this test behind two pipes, until the block ends. deferred: its greeting waits for `load`."""
    scripted = host or ScriptedHost()

    @asynccontextmanager
    async def open_host(_: config.ConfigStore) -> AsyncGenerator[ScriptedHost]:
        yield scripted

    agent_in, to_agent = os.pipe()
    from_agent, agent_out = os.pipe()
    peer = Peer(from_agent, to_agent)

    async def run() -> None:
        peer.exit_code = await serve(
            in_fd=agent_in,
            out_fd=agent_out,
            load=load or (lambda: config_of(acp, storage)),
            open_host=open_host,
            greeting=Greeting(deferred=deferred),
        )
        os.close(agent_out)

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            yield peer
            await peer.aclose()
    finally:
        os.close(agent_in)
